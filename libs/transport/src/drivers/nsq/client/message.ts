import type { MessageFrame } from './frames.js';

/** Whoever received a message and carries out what becomes of it. */
export interface MessageOwner {
  readonly nsqd: string;
  readonly topic: string;
  readonly channel: string;
  finish(message: NsqMessage): void;
  requeue(message: NsqMessage, delayMs: number): void;
  touch(message: NsqMessage): void;
  setAside(message: NsqMessage): void;
  isKept(message: NsqMessage): boolean;
}

/**
 * `in flight`: ours to settle. `done`: settled. `lost`: nsqd has given it to somebody else, or will: its time was over, or
 * the connection broke.
 */
export type MessageState = 'in flight' | 'done' | 'lost';

/** A message that nsqd gave us. It is settled once: what comes second, or too late, answers false and does nothing. */
export class NsqMessage {
  state: MessageState = 'in flight';
  /** It waits for something else than a handler, and does not count against `maxInFlight`. */
  isAside = false;
  /** Its consumer has given it to `onMessages`. */
  isHandedOver = false;
  /** Since when nsqd's timeout runs, on the monotonic clock. */
  keptSinceMs: number;
  readonly #owner: MessageOwner;
  readonly #frame: MessageFrame;

  constructor(
    owner: MessageOwner,
    frame: MessageFrame,
    /** On the monotonic clock; not later than it came. */
    readonly receivedAtMs: number,
  ) {
    this.#owner = owner;
    this.#frame = frame;
    this.keptSinceMs = receivedAtMs;
  }

  /** 16 hexadecimal digits; the same on every delivery. */
  get id(): string {
    return this.#frame.id;
  }

  /** 1 on the first delivery; also counts those that nobody looked at. Stops at 65,535. */
  get attempts(): number {
    return this.#frame.attempts;
  }

  get body(): Buffer {
    return this.#frame.body;
  }

  /** When nsqd took it. */
  get timestampNs(): bigint {
    return this.#frame.timestampNs;
  }

  get topic(): string {
    return this.#owner.topic;
  }

  get channel(): string {
    return this.#owner.channel;
  }

  /** `host:port` of the nsqd that has it. */
  get nsqd(): string {
    return this.#owner.nsqd;
  }

  /**
   * False when nsqd may have given it to somebody else: its timeout is nearly over, or the process stood still, or nsqd is silent,
   * for longer than nsqd waits. Begin nothing with it then, and `requeue` it.
   */
  get isKept(): boolean {
    return this.state === 'in flight' && this.#owner.isKept(this);
  }

  /** Done, never again (FIN). n.b. nsqd has no answer to it. */
  finish(): boolean {
    if (!this.#end()) return false;
    this.#owner.finish(this);
    return true;
  }

  /** Deliver again after `delayMs` (REQ); nsqd makes a longer one as long as its `-max-req-timeout`. */
  requeue(delayMs = 0): boolean {
    if (!this.#end()) return false;
    this.#owner.requeue(this, Math.max(0, Math.ceil(delayMs)));
    return true;
  }

  /** Asks nsqd for another `messageTimeoutMs` (TOUCH), within the server's `-max-msg-timeout` from the delivery. */
  touch(): boolean {
    if (this.state !== 'in flight') return false;
    this.#owner.touch(this);
    return true;
  }

  /** Lets another message come in its place, while this one waits for a long time. */
  setAside(): void {
    if (this.isAside || this.state !== 'in flight') return;
    this.isAside = true;
    this.#owner.setAside(this);
  }

  #end(): boolean {
    if (this.state !== 'in flight') return false;
    this.state = 'done';
    return true;
  }
}
