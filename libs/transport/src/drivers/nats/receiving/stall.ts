import type { ConsumerPlace } from './consumers.js';
import type { Unsettled } from './unsettled.js';

export interface StallPort {
  readonly unsettled: Unsettled;
  /** The current settings of the consumer. */
  place(): ConsumerPlace;
  /** It waits for unsettled messages; without a reason, it no longer does. */
  stalled(reason: string | undefined): void;
}

/**
 * Whether one source receives no more messages for a reason that is not a fault: unsettled messages take all the room, or an
 * operator paused the consumer.
 */
export class Stall {
  readonly #port: StallPort;
  #isStalled = false;
  #isFullOfPutOff = false;
  #pausedUntil: string | undefined;

  constructor(port: StallPort) {
    this.#port = port;
  }

  /** Why it receives no more messages; undefined while it does. */
  get reason(): string | undefined {
    return this.#isStalled ? this.#sentence() : undefined;
  }

  /** At the last check the server delivered nothing more to any member, and some unsettled messages wait there for a later attempt. */
  get isFullOfPutOff(): boolean {
    return this.#isFullOfPutOff;
  }

  /**
   * Receives the state of the consumer.
   * @param pausedUntil an operator has paused the consumer until then
   */
  seen(isFullOfPutOff: boolean, pausedUntil: string | undefined): void {
    this.#isFullOfPutOff = isFullOfPutOff;
    this.#pausedUntil = pausedUntil;
    this.check();
  }

  /** A message arrived. */
  hasRoom(): void {
    this.#isFullOfPutOff = false;
    this.check();
  }

  check(): void {
    const { unsettled } = this.#port;
    // Busy handlers are not a stall; parked messages that take all the room are. Parked ones are counted only if the result depends
    // on them.
    const isFullOfParked = unsettled.size >= this.#port.place().maxUnsettled && unsettled.waiting > 0;
    const isStalled = isFullOfParked || this.#isFullOfPutOff || this.#pausedUntil !== undefined;
    if (isStalled === this.#isStalled) return;
    this.#isStalled = isStalled;
    this.#port.stalled(this.reason);
  }

  #sentence(): string {
    const { name, stream, maxUnsettled } = this.#port.place();
    if (this.#pausedUntil !== undefined)
      return `consumer "${name}" of stream "${stream}" is paused until ${this.#pausedUntil}; resume it with "nats consumer resume ${stream} ${name}"`;
    if (this.#isFullOfPutOff) {
      return `maxUnsettled (${maxUnsettled}) is reached, and some of the unsettled messages wait on the server for their next attempt`;
    }
    return `${this.#port.unsettled.size} messages are unsettled, and maxUnsettled (${maxUnsettled}) allows no more`;
  }
}
