import type { Clock } from '../../contract/index.js';
import { PIN_MARGIN_MS } from './consumers.js';
import type { NatsDelivery } from './delivery.js';

const FIRST_LOOK_MS = 20;
const MAX_LOOK_MS = 500;

export interface TakeoverTools {
  /** Messages that were delivered, are not settled, and are not here. */
  othersUnsettled(): Promise<number>;
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
    for (let lookMs = FIRST_LOOK_MS; !this.#isOver; lookMs = Math.min(MAX_LOOK_MS, lookMs * 2)) {
      const others = await this.#tools.othersUnsettled().catch(() => undefined);
      if (others === undefined ? this.#clock.monotonicMs() >= endMs : others <= 0) break;
      if (this.#clock.monotonicMs() >= endMs) break;
      this.#extra = others ?? 0;
      this.#tools.pull();
      await new Promise<void>((resolve) => this.#clock.schedule(lookMs, resolve));
    }
    this.#release();
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#extra = 0;
    if (this.#isOver) return;
    for (const delivery of held.sort((a, b) => a.sequence - b.sequence))
      if (delivery.state === 'queued') this.#tools.deliver(delivery);
  }
}
