import type { Clock } from '../../../contract/index.js';
import { PIN_MARGIN_MS } from './consumers.js';
import type { NatsDelivery } from './delivery.js';

const FIRST_LOOK_MS = 20;
const MAX_LOOK_MS = 500;

export interface TakeoverTools {
  /** Returns the progress of all members together, and how many unsettled messages other members have. */
  look(): Promise<{ readonly settledUpTo: number; readonly others: number }>;
  /** The previous member has settled the delivery. */
  drop(delivery: NatsDelivery): void;
  pull(): void;
  deliver(delivery: NatsDelivery): void;
}

/**
 * Makes a member the one active member of its group. The previous one may still be working, for example when its server restarts
 * gracefully or the consumer moves to another server. Messages are held back until the previous member has settled what it had, or
 * until the server has redelivered it. They are then delivered in the order of the stream.
 */
export class Takeover {
  readonly #clock: Clock;
  readonly #tools: TakeoverTools;
  /** The pin id of this member; a new one each time it becomes active. */
  #pin = '';
  #held: NatsDelivery[] | undefined;
  #extra = 0;
  #isOver = false;

  constructor(clock: Clock, tools: TakeoverTools) {
    this.#clock = clock;
    this.#tools = tools;
  }

  /** Messages to request beyond the available room: those of the previous member. */
  get extra(): number {
    return this.#extra;
  }

  /** @returns whether the delivery is held back; it is delivered later */
  holds(delivery: NatsDelivery, pin: string, ackWaitMs: number): boolean {
    if (pin !== this.#pin) {
      this.#pin = pin;
      if (this.#held === undefined) void this.#wait(ackWaitMs + PIN_MARGIN_MS);
    }
    this.#held?.push(delivery);
    return this.#held !== undefined;
  }

  /** Delivers nothing more. */
  end(): void {
    this.#isOver = true;
  }

  /** @param limitMs after this time it no longer waits for messages of others: they have a delay, or their handler is slow */
  async #wait(limitMs: number): Promise<void> {
    this.#held = [];
    const endMs = this.#clock.monotonicMs() + limitMs;
    let settledUpTo = 0;
    for (let lookMs = FIRST_LOOK_MS; !this.#isOver; lookMs = Math.min(MAX_LOOK_MS, lookMs * 2)) {
      // Without an answer the previous member may still be working: it is waited for until the limit.
      const standing = await this.#tools.look().catch(() => undefined);
      settledUpTo = standing?.settledUpTo ?? settledUpTo;
      if (standing?.others === 0 || this.#clock.monotonicMs() >= endMs) break;
      this.#extra = standing?.others ?? 0;
      this.#tools.pull();
      await new Promise<void>((resolve) => this.#clock.schedule(lookMs, resolve));
    }
    this.#release(settledUpTo);
  }

  #release(settledUpTo: number): void {
    const held = (this.#held ?? []).filter(({ state }) => state === 'queued');
    this.#held = undefined;
    this.#extra = 0;
    if (this.#isOver) return;
    for (const delivery of held.sort((a, b) => a.sequence - b.sequence)) {
      if (delivery.sequence <= settledUpTo) this.#tools.drop(delivery);
      else this.#tools.deliver(delivery);
    }
  }
}
