import type { OutgoingMessage, PublishReceipt, SendWindow } from '../contract/index.js';

/** Receives what a send reports while it is under way. */
export interface SendListener {
  /** Whether a problem is known that a stored message would end. */
  readonly hasTroubles: boolean;
  /** One message was stored before its send ended. */
  storedEarly(send: SendUnderWay, partition: number | undefined): void;
  /** Everything that a late send waited for is stored. */
  wentOn(send: SendUnderWay): void;
}

/**
 * Represents one call of a driver's `send` and its window, and measures how long its messages have waited for a
 * confirmation. A window can grow for as long as the call is under way, so the age of a call says nothing. It measures
 * instead since when all the messages of one moment have been waiting to be stored.
 */
export class SendUnderWay implements SendWindow {
  readonly topic: string;
  /** Resolves when it has ended. */
  ended: Promise<void> = Promise.resolve();
  /** The send to the same topic that has to end first. */
  before: SendUnderWay | undefined;
  /** It has waited too long and was reported. */
  isLate = false;
  readonly #listener: SendListener;
  readonly #window: SendWindow | undefined;
  #messages: number;
  #stored = 0;
  /** Number of messages at the moment from which the wait is measured, and how many of them are not stored. */
  #counted = 0;
  #open = 0;
  #sinceMs = 0;

  constructor(
    listener: SendListener,
    topic: string,
    messages: number,
    window: SendWindow | undefined,
    before: SendUnderWay | undefined,
  ) {
    this.#listener = listener;
    this.topic = topic;
    this.#messages = messages;
    this.#window = window;
    this.before = before;
  }

  /** A lower bound for when the messages that wait longest arrived, on the monotonic clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** The window for the driver, if the caller has one. */
  get window(): SendWindow | undefined {
    return this.#window === undefined ? undefined : this;
  }

  /** Called when the earlier sends have ended and the driver receives this one. */
  started(nowMs: number): void {
    this.before = undefined;
    this.#countFrom(nowMs);
  }

  /** Whether all its messages were reported as stored before it ended. */
  get isAllStored(): boolean {
    return this.#stored === this.#messages;
  }

  /** Returns how long unconfirmed messages have waited, at least. */
  waitedMs(nowMs: number): number {
    if (this.#open <= 0) this.#countFrom(nowMs);
    return nowMs - this.#sinceMs;
  }

  stored(index: number, receipt: PublishReceipt): void {
    this.#stored++;
    if (index < this.#counted && --this.#open === 0 && this.isLate) this.#listener.wentOn(this);
    if (this.#listener.hasTroubles) this.#listener.storedEarly(this, receipt.partition);
    this.#window?.stored(index, receipt);
  }

  next(limit: number, isLate?: boolean): readonly OutgoingMessage[] {
    const more = this.#window?.next(limit, isLate) ?? [];
    this.#messages += more.length;
    return more;
  }

  #countFrom(nowMs: number): void {
    this.#counted = this.#messages;
    this.#open = this.#messages - this.#stored;
    this.#sinceMs = nowMs;
  }
}
