import type { Clock, TransportError } from '../../../contract/index.js';
import type { ConsumerStanding } from './consumers.js';

/** Before a user without the right to look at consumers asks again. */
const NO_RIGHT_MS = 60_000;

/** Messages that the server could deliver now to the member that it knows by this pin; undefined: none are to come to it. */
export function deliverableTo(pin: string, standing: ConsumerStanding): number | undefined {
  const { place, unsettled, pending, pausedUntil } = standing;
  if (pausedUntil !== undefined || unsettled >= place.maxUnsettled) return undefined;
  const isActive = place.activePin === undefined || place.activePin === pin;
  return isActive ? pending : undefined;
}

/** Adds up the messages that wait for one subscription on all its consumers. Never rejects. */
export class WaitingMessages {
  readonly #clock: Clock;
  #askAgainAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns undefined: not known, or none are to come */
  async sum(sources: Iterable<{ waiting(): Promise<number | undefined> }>): Promise<number | undefined> {
    if (this.#clock.monotonicMs() < this.#askAgainAtMs) return undefined;
    const counts = await Promise.all([...sources].map((source) => source.waiting().catch(this.#failed)));
    const total = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    // n.b. what one consumer has is enough to know that messages wait; that none do is known of all or not at all.
    return total === 0 && (counts.length === 0 || counts.includes(undefined)) ? undefined : total;
  }

  readonly #failed = (error: TransportError): undefined => {
    if (error.code === 'TRANSPORT_AUTHORIZATION_FAILED') this.#askAgainAtMs = this.#clock.monotonicMs() + NO_RIGHT_MS;
  };
}
