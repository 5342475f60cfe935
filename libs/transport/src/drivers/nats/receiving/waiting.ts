import type { Clock, TransportError } from '../../../contract/index.js';
import type { ConsumerStanding } from './consumers.js';

/** Milliseconds before consumers are queried again after the permission was denied. */
const NO_RIGHT_MS = 60_000;

/** Messages that the server could deliver now to the member with this pin; undefined if none are to be delivered to it. */
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

  /** @returns undefined if unknown, or if none are to be delivered */
  async sum(sources: Iterable<{ waiting(): Promise<number | undefined> }>): Promise<number | undefined> {
    if (this.#clock.monotonicMs() < this.#askAgainAtMs) return undefined;
    const counts = await Promise.all([...sources].map((source) => source.waiting().catch(this.#failed)));
    const total = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    // One consumer's count is enough to know that messages wait; that none wait is known only if all consumers were counted.
    return total === 0 && (counts.length === 0 || counts.includes(undefined)) ? undefined : total;
  }

  readonly #failed = (error: TransportError): undefined => {
    if (error.code === 'TRANSPORT_AUTHORIZATION_FAILED') this.#askAgainAtMs = this.#clock.monotonicMs() + NO_RIGHT_MS;
  };
}
