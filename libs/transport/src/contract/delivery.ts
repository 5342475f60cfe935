import { WIRE_HEADERS, type Headers, type RawHeaders } from './message.js';
import type { Reply } from './reply.js';
import type { Settlement } from './settlement.js';

/** What a handler may know about the message it is given: `@Ctx() context: MessageContext`. */
export interface MessageContext<Raw = unknown> {
  readonly topic: string;
  readonly group: string;
  /** The event type: the `message-type` header, else the topic. */
  readonly type: string;
  /** The publisher's id; for a foreign message without one, its place on the broker. Never empty, the same on redelivery. */
  readonly id: string;
  readonly key: string | undefined;
  /** The key's bytes where they are not valid UTF-8, and `key` shows them with replacement characters; else undefined. Kafka only. */
  readonly rawKey: Buffer | undefined;
  /** Frozen. */
  readonly headers: Headers;
  /** 1 on the first delivery. */
  readonly attempt: number;
  /** From 0; undefined where the broker has none. */
  readonly partition: number | undefined;
  readonly offset: string | undefined;
  /** When the publisher or the broker stamped the message. */
  readonly publishedAt: Date | undefined;
  /** The client library's own record; its type is the driver's. */
  readonly raw: Raw;
  /**
   * Aborted when this attempt is given up while its handler runs: its `timeout` is over, or the broker took the message
   * back. Hand it on to whatever takes one, such as `fetch`.
   */
  readonly signal: AbortSignal;
  /** One header without reading the others. */
  header(name: string): string | undefined;
}

/**
 * Where a delivery stands. `queued`, `running` and `parked` are unsettled and owned by the runner;
 * `settled` is the end; `revoked` means that the broker took it back and will give it to somebody else.
 */
export type DeliveryState = 'queued' | 'running' | 'parked' | 'settled' | 'revoked';

/**
 * One message as a driver hands it to a subscription. Handlers see it through `contextOf`, which shows the part that is a `MessageContext`.
 * Drivers extend it. One instance per message and attempt-to-deliver; fields are set once, in the constructor,
 * so that the hot path sees one shape.
 */
export abstract class Delivery<Raw = unknown> implements MessageContext<Raw> {
  state: DeliveryState = 'queued';
  /**
   * Not to be handled before this moment of the monotonic clock; 0 is at once. The runner sets it when it parks a message,
   * so that a driver that takes the message back can give it out again without making its delay shorter.
   */
  notBeforeMs = 0;
  /** When a subscription that answers requests received it, on the monotonic clock. */
  requestReceivedAtMs = 0;
  /** The next delivery of the same lane; consuming links lanes through their members, so that a lane costs nothing. */
  laneNext: Delivery | undefined = undefined;
  /** How handlers see it; see `contextOf`. */
  face: MessageContext | undefined = undefined;
  /** Behind `signal`; made when somebody asks, so that a message costs nothing of it. */
  aborts: AbortController | undefined = undefined;

  constructor(
    readonly topic: string,
    readonly group: string,
    readonly key: string | undefined,
    /** The undecoded payload; `null` is a Kafka tombstone. */
    readonly body: Buffer | null,
    /** Runner and driver keep it up to date while the message waits for its next attempt. */
    public attempt: number,
    readonly partition: number | undefined,
  ) {}

  abstract readonly offset: string | undefined;
  abstract readonly headers: Headers;
  abstract readonly publishedAt: Date | undefined;
  abstract readonly raw: Raw;
  abstract header(name: string): string | undefined;

  /** Carries a settlement to the broker. Called at most once, and never after a revoke. A settlement that fails is reported by `settlementFailed`. */
  protected abstract settled(settlement: Settlement): void;

  /**
   * The order a message without a key keeps: deliveries with the same number stay in order.
   * Undefined where the broker promises no order.
   */
  get stream(): number | undefined {
    return undefined;
  }

  get rawKey(): Buffer | undefined {
    return undefined;
  }

  /** The bytes of those headers that are not valid UTF-8, so that a copy keeps them; undefined when there are none. */
  get rawHeaders(): RawHeaders | undefined {
    return undefined;
  }

  /**
   * To how many processes it was given that ended without a word of it; 0 where the broker does not know. From 2 on it runs
   * alone: it may be what ends them.
   */
  get suspicion(): number {
    return 0;
  }

  /** Answers the sender; undefined when nobody waits for an answer. */
  get reply(): ((reply: Reply) => void | Promise<void>) | undefined {
    return undefined;
  }

  /** Aborted when the sender is known to wait for no answer any more; undefined where the broker cannot know. */
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

  /** Another attempt begins: what was aborted before is not this one. */
  renewSignal(): void {
    this.aborts = undefined;
  }

  /** Tells the handler that its attempt is given up. */
  abort(reason: unknown): void {
    this.aborts ??= new AbortController();
    this.aborts.abort(reason);
  }

  /** Settles once. Returns false, and does nothing, when the delivery was settled before or belongs to somebody else by now. */
  settle(settlement: Settlement): boolean {
    if (this.state === 'settled' || this.state === 'revoked') return false;
    this.state = 'settled';
    this.settled(settlement);
    return true;
  }

  /** The runner keeps the message for another attempt in `delayMs`. Drivers override it to store the count or to extend a deadline. */
  park(nextAttempt: number, _delayMs: number): void {
    this.attempt = nextAttempt;
    this.state = 'parked';
  }

  /**
   * Asked right before a handler begins. False: the message may belong to somebody else by now, because this process was stopped
   * (a suspended machine, a blocked event loop, a lost network) for longer than the broker waits. The driver has revoked the
   * delivery by then, and hands it over again if it turns out to be still ours. n.b. hot path, and never throws.
   */
  mayBegin(): boolean {
    return this.state !== 'revoked';
  }

  /** So long after a suspect others may still come that were with the same process when it ended. */
  get suspectsFollowWithinMs(): number {
    return 1_000;
  }

  /** Makes it safe on the broker that this attempt begins, where the broker does not count deliveries. Called for suspects only. */
  recordStart(): void | Promise<void> {
    return undefined;
  }

  /** The driver takes the delivery back: it will not be settled, and what has not started will not run. */
  revoke(): void {
    if (this.state === 'settled') return;
    this.state = 'revoked';
    this.aborts?.abort();
  }
}
