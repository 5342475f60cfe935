import { WIRE_HEADERS, type Headers, type RawHeaders } from './message.js';
import type { Reply } from './reply.js';
import type { Settlement } from './settlement.js';

/** Describes the message that a handler receives: `@Ctx() context: MessageContext`. */
export interface MessageContext<Raw = unknown> {
  readonly topic: string;
  readonly group: string;
  /** The event type: the `message-type` header, or the topic if there is none. */
  readonly type: string;
  /**
   * The publisher's id; for a foreign message without one, its position on the broker. Never empty, the same on
   * redelivery.
   */
  readonly id: string;
  readonly key: string | undefined;
  /**
   * The key's bytes if they are not valid UTF-8, in which case `key` contains replacement characters; otherwise
   * undefined. Kafka only.
   */
  readonly rawKey: Buffer | undefined;
  /** Frozen: a handler cannot change them. */
  readonly headers: Headers;
  /** 1 on the first delivery. */
  readonly attempt: number;
  /** From 0; undefined where the broker has none. */
  readonly partition: number | undefined;
  readonly offset: string | undefined;
  /** The timestamp that the publisher or the broker gave the message. */
  readonly publishedAt: Date | undefined;
  /** The client library's own record; its type depends on the driver. */
  readonly raw: Raw;
  /**
   * Aborts when this attempt is given up while its handler runs: its `timeout` expired, or the broker revoked the
   * message. Pass it to anything that accepts a signal, such as `fetch`.
   */
  readonly signal: AbortSignal;
  /** Returns one header without reading the others. */
  header(name: string): string | undefined;
}

/**
 * The state of a delivery. `queued`, `running` and `parked` are unsettled and owned by the runner; `settled` is final;
 * `revoked` means that the broker took the message back and will deliver it to another consumer.
 */
export type DeliveryState = 'queued' | 'running' | 'parked' | 'settled' | 'revoked';

/**
 * Represents one message as a driver passes it to a subscription. Handlers see it through `contextOf`, as a
 * `MessageContext`. Drivers extend it. There is one instance per delivery by the broker. All fields are set in the
 * constructor, which keeps the hot path monomorphic.
 */
export abstract class Delivery<Raw = unknown> implements MessageContext<Raw> {
  state: DeliveryState = 'queued';
  /**
   * No handler starts before this moment on the monotonic clock; 0 means immediately. The runner sets it when it parks
   * a message, so that a driver that revokes and redelivers the message does not shorten its delay.
   */
  notBeforeMs = 0;
  /** When a subscription that answers requests received it, on the monotonic clock. */
  requestReceivedAtMs = 0;
  /** The next delivery of the same lane. Lanes link their members, so that a lane needs no allocation. */
  laneNext: Delivery | undefined = undefined;
  /** The object that handlers see; see `contextOf`. */
  face: MessageContext | undefined = undefined;
  /** Behind `signal`; created on first access, so that most messages do not pay for it. */
  aborts: AbortController | undefined = undefined;

  constructor(
    readonly topic: string,
    readonly group: string,
    readonly key: string | undefined,
    /** The encoded payload; `null` is a Kafka tombstone. */
    readonly body: Buffer | null,
    /** The runner and the driver update it while the message waits for its next attempt. */
    public attempt: number,
    readonly partition: number | undefined,
  ) {}

  abstract readonly offset: string | undefined;
  abstract readonly headers: Headers;
  abstract readonly publishedAt: Date | undefined;
  abstract readonly raw: Raw;
  abstract header(name: string): string | undefined;

  /**
   * Sends a settlement to the broker. Called at most once, and never after a revoke. Report a settlement that fails
   * with `settlementFailed`.
   */
  protected abstract settled(settlement: Settlement): void;

  /**
   * Identifies the stream whose order a message without a key keeps: deliveries with the same number stay in order.
   * Undefined where the broker guarantees no order.
   */
  get stream(): number | undefined {
    return undefined;
  }

  get rawKey(): Buffer | undefined {
    return undefined;
  }

  /** The bytes of headers that are not valid UTF-8, so that a copy keeps them; undefined when there are none. */
  get rawHeaders(): RawHeaders | undefined {
    return undefined;
  }

  /**
   * The number of processes that ended after they received this message and before they settled it; 0 where the broker
   * does not know. From 2 on the message runs alone, because it may be what ends them.
   */
  get suspicion(): number {
    return 0;
  }

  /** Replies to the sender; undefined when the sender waits for no reply. */
  get reply(): ((reply: Reply) => void | Promise<void>) | undefined {
    return undefined;
  }

  /** Aborts when the sender is known to wait for no reply any more; undefined where the broker cannot know. */
  get requesterLeft(): AbortSignal | undefined {
    return undefined;
  }

  get type(): string {
    return this.header(WIRE_HEADERS.type) ?? this.topic;
  }

  get id(): string {
    return this.header(WIRE_HEADERS.id) ?? `${this.topic}/${this.partition ?? 0}/${this.offset ?? 0}`;
  }

  get signal(): AbortSignal {
    if (this.aborts === undefined) {
      this.aborts = new AbortController();
      if (this.state === 'revoked') this.aborts.abort();
    }
    return this.aborts.signal;
  }

  /** Starts another attempt with a new signal; an earlier abort does not apply to it. */
  renewSignal(): void {
    this.aborts = undefined;
  }

  /** Signals the handler that its attempt has been given up. */
  abort(reason: unknown): void {
    this.aborts ??= new AbortController();
    this.aborts.abort(reason);
  }

  /** Settles the delivery once. Returns false and does nothing if it was settled before or has been revoked. */
  settle(settlement: Settlement): boolean {
    if (this.state === 'settled' || this.state === 'revoked') return false;
    this.state = 'settled';
    this.settled(settlement);
    return true;
  }

  /**
   * Called when the runner keeps the message for another attempt in `delayMs`. Drivers override it to store the attempt
   * count or to extend a deadline.
   */
  park(nextAttempt: number, _delayMs: number): void {
    this.attempt = nextAttempt;
    this.state = 'parked';
  }

  /**
   * Called immediately before a handler starts. False: another consumer may own the message, because this process was
   * stopped (suspended machine, blocked event loop, lost network) for longer than the broker waits. The driver has
   * revoked the delivery by then, and delivers it again if it turns out to be still ours. It is on the hot path and
   * must not throw.
   */
  mayBegin(): boolean {
    return this.state !== 'revoked';
  }

  /**
   * How long, in milliseconds, after a suspect other messages can still arrive that were in the same process when it
   * ended.
   */
  get suspectsFollowWithinMs(): number {
    return 1_000;
  }

  /**
   * Records on the broker that this attempt starts, where the broker does not count deliveries. Called for suspects
   * only.
   */
  recordStart(): void | Promise<void> {
    return undefined;
  }

  /**
   * Takes the delivery back for the driver: it will not be settled, and a handler that has not started will not run.
   */
  revoke(): void {
    if (this.state === 'settled') return;
    this.state = 'revoked';
    this.aborts?.abort();
  }
}
