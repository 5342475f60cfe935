import type { Clock } from '../../../contract/index.js';
import { PIN_MARGIN_MS } from './consumers.js';
import type { NatsDelivery } from './delivery.js';

const FIRST_LOOK_MS = 20;
const MAX_LOOK_MS = 500;

export interface TakeoverTools {
  /** Where all members together are, and how many messages others have that are not settled. */
  look(): Promise<{ readonly settledUpTo: number; readonly others: number }>;
  /** The delivery was settled by the member before. */
  drop(delivery: NatsDelivery): void;
  pull(): void;
  deliver(delivery: NatsDelivery): void;
}

/**
 * A member that becomes the one active member of its group. The one before may be at work still (its server is restarted in order,
 * the consumer has moved to another one): what comes is kept back until that one has settled what it had, or until the server has
 * delivered it again. It is then delivered in the order of the stream.
 */
export class Takeover {
  readonly #clock: Clock;
  readonly #tools: TakeoverTools;
  /** What the server knows this member by; another one each time that it becomes active. */
  #pin = '';
  #held: NatsDelivery[] | undefined;
  #extra = 0;
  #isOver = false;

  constructor(clock: Clock, tools: TakeoverTools) {
    this.#clock = clock;
    this.#tools = tools;
  }

  /** Messages that are to be had beyond what there is room for: those that the member before had. */
  get extra(): number {
    return this.#extra;
  }

  /** @returns whether the delivery is kept back; it is delivered later */
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

  /** @param limitMs after it, what somebody else has is waited for no longer: it has a delay, or its handler is slow */
  async #wait(limitMs: number): Promise<void> {
    this.#held = [];
    const endMs = this.#clock.monotonicMs() + limitMs;
    let settledUpTo = 0;
    for (let lookMs = FIRST_LOOK_MS; !this.#isOver; lookMs = Math.min(MAX_LOOK_MS, lookMs * 2)) {
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
