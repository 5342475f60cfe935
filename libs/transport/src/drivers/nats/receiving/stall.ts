import type { ConsumerPlace } from './consumers.js';
import type { Unsettled } from './unsettled.js';

export interface StallPort {
  readonly unsettled: Unsettled;
  /** The consumer as it is now. */
  place(): ConsumerPlace;
  /** It waits for messages that are not settled; without a reason: not any more. */
  stalled(reason: string | undefined): void;
}

/** Whether one source takes nothing more, for a reason that is no fault: what is not settled takes all the room, or an operator paused it. */
export class Stall {
  readonly #port: StallPort;
  #isStalled = false;
  #isFullOfPutOff = false;
  #pausedUntil: string | undefined;

  constructor(port: StallPort) {
    this.#port = port;
  }

  /** Why it takes nothing more; undefined while it does. */
  get reason(): string | undefined {
    return this.#isStalled ? this.#sentence() : undefined;
  }

  /** At the last look the server gave out nothing more to any member, and some of what is unsettled waits there for a later attempt. */
  get isFullOfPutOff(): boolean {
    return this.#isFullOfPutOff;
  }

  /**
   * What a look at the consumer has shown.
   * @param pausedUntil an operator lets it deliver nothing until then
   */
  seen(isFullOfPutOff: boolean, pausedUntil: string | undefined): void {
    this.#isFullOfPutOff = isFullOfPutOff;
    this.#pausedUntil = pausedUntil;
    this.check();
  }

  /** A message came. */
  hasRoom(): void {
    this.#isFullOfPutOff = false;
    this.check();
  }

  check(): void {
    const { unsettled } = this.#port;
    // n.b. handlers that are all busy are no stall; parked messages that take all the room are. What waits is counted only where it matters.
    const isFullOfParked = unsettled.size >= this.#port.place().maxUnsettled && unsettled.waiting > 0;
    const isStalled = isFullOfParked || this.#isFullOfPutOff || this.#pausedUntil !== undefined;
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    this.#port.stalled(this.reason);
  }

  #sentence(): string {
    const { name, stream, maxUnsettled } = this.#port.place();
    if (this.#pausedUntil !== undefined)
      return `consumer "${name}" of stream "${stream}" is paused until ${this.#pausedUntil}; "nats consumer resume ${stream} ${name}" ends the pause`;
    if (this.#isFullOfPutOff) {
      return `as many messages as maxUnsettled (${maxUnsettled}) allows are not settled, and some of them wait on the server for their next attempt`;
    }
    return `${this.#port.unsettled.size} messages are not settled, and more than maxUnsettled (${maxUnsettled}) may not be`;
  }
}
