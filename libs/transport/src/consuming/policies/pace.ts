import { TransportError, type Delivery } from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import type { Handler } from '../runner/handler.js';
import type { Around, PolicyHost, StandardPolicy } from './policy.js';

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** Maximum number of handlers that start per `perMs`. Integer >= 1. */
  readonly messages: number;
  /**
   * The period in milliseconds. Integer >= 1. After an idle time `messages` can start at once; the following ones are
   * spread evenly.
   */
  readonly perMs: number;
}

/** Options of `throttle`. */
export interface ThrottleOptions {
  /** Minimum time between two starts, in milliseconds. Integer >= 1. */
  readonly everyMs: number;
}

const RATE_LIMIT_RULES = {
  messages: option.integer(1),
  perMs: option.integer(1),
} as const satisfies Record<keyof RateLimitOptions, unknown>;

const THROTTLE_RULES = { everyMs: option.integer(1) } as const satisfies Record<keyof ThrottleOptions, unknown>;

/**
 * Starts at most `messages` handlers per `perMs` in this process. It is a token bucket that fills evenly, so `messages`
 * can start at once after an idle time. Messages that arrive too early wait; nothing fails, and no attempt is counted.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function rateLimit(options: RateLimitOptions): StandardPolicy {
  checkOptions('rateLimit()', options, RATE_LIMIT_RULES);
  requireAll('rateLimit()', options, RATE_LIMIT_RULES);
  const { messages, perMs } = options;
  return Object.freeze({
    kind: 'rateLimit',
    options,
    start: (host: PolicyHost) => paced(new Pacer(perMs / messages, messages), host),
  });
}

/**
 * Starts handlers at least `everyMs` apart in this process. Messages that arrive too early wait; nothing fails, and no
 * attempt is counted.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function throttle(options: ThrottleOptions): StandardPolicy {
  checkOptions('throttle()', options, THROTTLE_RULES);
  requireAll('throttle()', options, THROTTLE_RULES);
  return Object.freeze({
    kind: 'throttle',
    options,
    start: (host: PolicyHost) => paced(new Pacer(options.everyMs, 1), host),
  });
}

/** Rejects missing options, for callers that bypass the types. @throws TransportError `TRANSPORT_OPTION_INVALID` */
export function requireAll(where: string, options: object, names: object): void {
  const missing = Object.keys(names).find((name) => (options as Record<string, unknown>)[name] === undefined);
  if (missing !== undefined) throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: ${missing} is missing.`);
}

function paced(pacer: Pacer, { clock, hold }: PolicyHost): Around {
  return (next) => (payload, delivery) => {
    const waitMs = pacer.take(clock.monotonicMs());
    return waitMs <= 0 ? next(payload, delivery) : later(next, payload, delivery, waitMs);
  };
  async function later(next: Handler, payload: unknown, delivery: Delivery, waitMs: number): Promise<unknown> {
    await hold(delivery, (release) => clock.schedule(waitMs, release));
    return next(payload, delivery);
  }
}

/**
 * Hands out points in time: each is `intervalMs` after the last, except that up to `burst` of them can be saved up. It
 * stores one number, however many messages wait. (Generic cell rate algorithm, ITU-T I.371, as virtual scheduling.)
 */
export class Pacer {
  #next = -Infinity;
  readonly #intervalMs: number;
  readonly #burst: number;

  constructor(intervalMs: number, burst: number) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
  }

  /** Takes the next point in time. @returns how long to wait for it; 0 means immediately */
  take(nowMs: number): number {
    const place = Math.max(this.#next, nowMs - (this.#burst - 1) * this.#intervalMs);
    this.#next = place + this.#intervalMs;
    return Math.max(0, place - nowMs);
  }
}
