import type { OutgoingMessage, PublishReceipt, SendWindow } from '../contract/index.js';

/** What a send reports of itself while it is under way. */
export interface SendListener {
  /** Whether anything is known that a stored message could end. */
  readonly hasTroubles: boolean;
  /** One message was stored before its send has ended. */
  storedEarly(send: SendUnderWay, partition: number | undefined): void;
  /** Everything that a late send waited for is stored. */
  wentOn(send: SendUnderWay): void;
}

/**
 * One call of a driver's `send`, and the window that the driver has of it: how long its messages have waited for an answer.
 * n.b. a window may grow for as long as the call is under way, so the age of a call says nothing. What is counted is whether all
 * the messages that it had at one moment have been stored since.
 */
export class SendUnderWay implements SendWindow {
  readonly topic: string;
  /** Resolves when it has ended. */
  ended: Promise<void> = Promise.resolve();
  /** The send to the same topic that has to end first. */
  before: SendUnderWay | undefined;
  /** It was found to wait too long. */
  isLate = false;
  readonly #listener: SendListener;
  readonly #window: SendWindow | undefined;
  #messages: number;
  #stored = 0;
  /** How many messages it had at the moment that is counted from, and how many of these are not stored. */
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

  /** When the messages that wait longest were there, or earlier; on the monotonic clock. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** The window for the driver, where the caller has one. */
  get window(): SendWindow | undefined {
    return this.#window === undefined ? undefined : this;
  }

  /** Those before it have ended, and the driver gets it. */
  started(nowMs: number): void {
    this.before = undefined;
    this.#countFrom(nowMs);
  }

  /** All its messages were reported stored before it ended. */
  get isAllStored(): boolean {
    return this.#stored === this.#messages;
  }

  /** How long messages have waited that are not stored, at least. */
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
