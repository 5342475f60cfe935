import { TransportError, type Delivery } from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import type { Handler } from '../runner/handler.js';
import type { Around, PolicyHost, StandardPolicy } from './policy.js';

/** How many messages may begin in which time. */
export interface RateLimitOptions {
  /** Integer >= 1. */
  readonly messages: number;
  /** The time in which so many may begin; integer >= 1. n.b. after a rest so many may begin at once, and the first of the next follow evenly. */
  readonly perMs: number;
}

/** How far apart handlers begin. */
export interface ThrottleOptions {
  /** Integer >= 1. */
  readonly everyMs: number;
}

const RATE_LIMIT_RULES = {
  messages: option.integer(1),
  perMs: option.integer(1),
} as const satisfies Record<keyof RateLimitOptions, unknown>;

const THROTTLE_RULES = { everyMs: option.integer(1) } as const satisfies Record<keyof ThrottleOptions, unknown>;

/**
 * Begins `messages` handlers per `perMs`, in this process: a bucket of so many tokens that fills evenly, so that a rest may
 * be followed by `messages` at once. What comes too early waits; nothing fails, and nothing is counted as an attempt.
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
 * Begins handlers at least `everyMs` apart, in this process. What comes too early waits; nothing fails, and nothing is
 * counted as an attempt.
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

/** n.b. for those whose types were silenced. @throws TransportError `TRANSPORT_OPTION_INVALID` */
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
 * Places in time, one after the other: each is `intervalMs` after the last, except that up to `burst` of them may have been
 * saved up. It remembers one number, however many wait. (Generic cell rate algorithm, ITU-T I.371, as virtual scheduling.)
 */
export class Pacer {
  #next = -Infinity;
  readonly #intervalMs: number;
  readonly #burst: number;

  constructor(intervalMs: number, burst: number) {
    this.#intervalMs = intervalMs;
    this.#burst = burst;
  }

  /** Takes the next place. @returns how long to wait for it; 0 is at once */
  take(nowMs: number): number {
    const place = Math.max(this.#next, nowMs - (this.#burst - 1) * this.#intervalMs);
    this.#next = place + this.#intervalMs;
    return Math.max(0, place - nowMs);
  }
}
