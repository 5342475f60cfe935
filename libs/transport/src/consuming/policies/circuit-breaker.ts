import { isA, isThenable, messageOf, nameOf, type Delivery } from '../../contract/index.js';
import { checkOptions, option, withDefaults } from '../../shared/index.js';
import { fingerprintOf } from '../dead-letter-admin/fingerprint.js';
import type { Handler } from '../runner/handler.js';
import { FailureWindow } from './failure-window.js';
import { NotStarted } from './holds.js';
import type { Around, PolicyHost, StandardPolicy } from './policy.js';

/** Options of `circuitBreaker`: when a subscription is paused because everything fails, and for how long. */
export interface CircuitBreakerOptions {
  /**
   * Minimum number of different keys (or messages without one) with the same failure within `windowMs`. Integer >= 1.
   * @default 5
   */
  readonly minKeys?: number;
  /** Minimum share of the attempts in that time with this failure, from 0 to 1. @default 0.5 */
  readonly failureRatio?: number;
  /** The time in which failures are counted, in milliseconds. @default 60000 */
  readonly windowMs?: number;
  /** How long the subscription is paused before one message is tried, in milliseconds. @default 30000 */
  readonly openMs?: number;
}

/** The defaults of `circuitBreaker`. */
export const CIRCUIT_BREAKER_DEFAULTS = {
  minKeys: 5,
  failureRatio: 0.5,
  windowMs: 60_000,
  openMs: 30_000,
} as const satisfies Required<CircuitBreakerOptions>;

const isRatio = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;

const RULES = {
  minKeys: option.integer(1),
  failureRatio: { expected: 'a number from 0 to 1', accepts: isRatio, showsValue: true },
  windowMs: option.integer(1),
  openMs: option.integer(1),
} as const satisfies Record<keyof CircuitBreakerOptions, unknown>;

/**
 * Pauses the subscription when the same failure occurs with many different keys: the cause is then not a message but a
 * dependency of all of them. During the pause nothing is fetched and no attempt is counted. After `openMs` one message
 * is tried: if it succeeds, the subscription resumes; if it fails, the pause starts again.
 *
 * Failures that no retry can fix (`DeadLetter`, an invalid payload, a 4xx) say nothing about the handler's dependencies
 * and are not counted.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): StandardPolicy {
  checkOptions('circuitBreaker()', options, RULES);
  const resolved = withDefaults(options, CIRCUIT_BREAKER_DEFAULTS);
  return Object.freeze({
    kind: 'circuitBreaker',
    options: resolved,
    start: (host: PolicyHost) => new Breaker(resolved, host).around,
  });
}

/**
 * ```
 * closed --(many keys fail alike)--> open --(openMs)--> half-open --(the one that is tried succeeds)--> closed
 *                                     ^                      |
 *                                     +----(it fails)--------+
 * ```
 */
class Breaker {
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #host: PolicyHost;
  readonly #window: FailureWindow;
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  /** The one message that is tried. */
  #probe: Delivery | undefined;
  #waiting = new Set<() => void>();

  constructor(options: Required<CircuitBreakerOptions>, host: PolicyHost) {
    this.#options = options;
    this.#host = host;
    this.#window = new FailureWindow(options.windowMs, options.minKeys);
  }

  readonly around: Around = (next) => (payload, delivery) =>
    this.#state === 'closed' ? this.#watched(next, payload, delivery) : this.#inTurn(next, payload, delivery);

  async #inTurn(next: Handler, payload: unknown, delivery: Delivery): Promise<unknown> {
    while (this.#state !== 'closed') {
      if (this.#state === 'half-open' && this.#probe === undefined) return this.#try(next, payload, delivery);
      await this.#host.hold(delivery, (release) => this.#enlist(release));
    }
    return this.#watched(next, payload, delivery);
  }

  #enlist(release: () => void): () => void {
    this.#waiting.add(release);
    return () => this.#waiting.delete(release);
  }

  /** Returns a Promise only if the handler does. */
  #watched(next: Handler, payload: unknown, delivery: Delivery): unknown {
    const failed = (error: unknown): never => {
      this.#failed(delivery, error);
      throw error;
    };
    const succeeded = (result: unknown): unknown => {
      this.#window.succeeded(this.#now());
      return result;
    };
    let outcome: unknown;
    try {
      outcome = next(payload, delivery);
    } catch (error) {
      return failed(error);
    }
    return isThenable(outcome) ? outcome.then(succeeded, failed) : succeeded(outcome);
  }

  async #try(next: Handler, payload: unknown, delivery: Delivery): Promise<unknown> {
    this.#probe = delivery;
    try {
      const result = await next(payload, delivery);
      this.#close();
      return result;
    } catch (error) {
      if (this.#counts(error)) this.#open(`the probe message failed as well (${fingerprint(error)})`);
      throw error;
    } finally {
      this.#probe = undefined;
      this.#wake();
    }
  }

  #failed(delivery: Delivery, error: unknown): void {
    if (!this.#counts(error)) return;
    const { minKeys, failureRatio, windowMs } = this.#options;
    const kind = fingerprint(error);
    const seen = this.#window.failed(this.#now(), kind, delivery.key ?? delivery.id);
    if (this.#state !== 'closed' || seen.keys < minKeys || seen.share < failureRatio) return;
    this.#open(`"${kind}" occurred with ${seen.keys} different keys within ${windowMs} ms`);
  }

  #counts(error: unknown): boolean {
    return !isA(error, NotStarted) && this.#host.isRetryable(error);
  }

  #open(why: string): void {
    const { openMs } = this.#options;
    this.#state = 'open';
    this.#window.forget();
    const resume = this.#host.pause(`circuit breaker: ${why}; one message is tried in ${openMs} ms`);
    this.#host.schedule(openMs, () => {
      this.#state = 'half-open';
      this.#wake();
      resume();
    });
  }

  #close(): void {
    this.#state = 'closed';
    this.#host.unpaused();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const release of waiting) release();
  }

  #now(): number {
    return this.#host.clock.monotonicMs();
  }
}

function fingerprint(error: unknown): string {
  return fingerprintOf(nameOf(error), messageOf(error));
}
