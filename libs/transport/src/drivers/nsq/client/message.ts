import type { MessageFrame } from './frames.js';

/** Receives messages and carries out their settlement. */
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
 * `in flight`: can be settled. `done`: settled. `lost`: nsqd redelivers it to another consumer, because its timeout is over or the
 * connection broke.
 */
export type MessageState = 'in flight' | 'done' | 'lost';

/** A message that nsqd delivered. It is settled once: a second or late call returns false and does nothing. */
export class NsqMessage {
  state: MessageState = 'in flight';
  /** Whether it was set aside and does not count against `maxInFlight`. */
  isAside = false;
  /** Whether its consumer has passed it to `onMessages`. */
  isHandedOver = false;
  /** When nsqd's message timeout started, on the monotonic clock. */
  keptSinceMs: number;
  readonly #owner: MessageOwner;
  readonly #frame: MessageFrame;

  constructor(
    owner: MessageOwner,
    frame: MessageFrame,
    /** On the monotonic clock; not later than it arrived. */
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

  /** Number of deliveries, starting at 1 and including those that no handler saw. Stops at 65,535. */
  get attempts(): number {
    return this.#frame.attempts;
  }

  /** The body as it was published. */
  get body(): Buffer {
    return this.#frame.body;
  }

  /** When nsqd received it, in nanoseconds since the epoch. */
  get timestampNs(): bigint {
    return this.#frame.timestampNs;
  }

  /** The topic of its consumer. */
  get topic(): string {
    return this.#owner.topic;
  }

  /** The channel of its consumer. */
  get channel(): string {
    return this.#owner.channel;
  }

  /** Address of its nsqd, `host:port`. */
  get nsqd(): string {
    return this.#owner.nsqd;
  }

  /**
   * False if nsqd may have redelivered it to another consumer: its timeout is nearly over, the process was suspended, or nsqd is
   * silent, for longer than nsqd waits. Do not start a handler then, and call `requeue`.
   */
  get isKept(): boolean {
    return this.state === 'in flight' && this.#owner.isKept(this);
  }

  /** Finishes the message (FIN): it is not delivered again. nsqd does not confirm it. @returns false if it was settled or lost before */
  finish(): boolean {
    if (!this.#end()) return false;
    this.#owner.finish(this);
    return true;
  }

  /**
   * Returns the message for delivery after `delayMs` (REQ). nsqd limits the delay to its `-max-req-timeout`.
   * @returns false if it was settled or lost before
   */
  requeue(delayMs = 0): boolean {
    if (!this.#end()) return false;
    this.#owner.requeue(this, Math.max(0, Math.ceil(delayMs)));
    return true;
  }

  /**
   * Extends the timeout by another `messageTimeoutMs` (TOUCH), up to the server's `-max-msg-timeout` after delivery.
   * @returns false if it was settled or lost before
   */
  touch(): boolean {
    if (this.state !== 'in flight') return false;
    this.#owner.touch(this);
    return true;
  }

  /** Frees its place in `maxInFlight` while this message waits for a long time. */
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
