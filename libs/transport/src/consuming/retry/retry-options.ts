import { TransportError } from '../../contract/index.js';
import { checkOptions, option, valueText, withDefaults, type OptionRule } from '../../shared/index.js';

import { longWaitsMs } from './tiers.js';

/** How often a message is tried, and how long it waits in between. */
export interface RetryOptions {
  /** Attempts at one message, the first included; with `redeliveryDelaysMs` those of each tier. Integer >= 1. @default 5; 1 where the broker has no `redelivery` */
  readonly maxAttempts?: number;
  /** Longest wait before attempt 2; doubles each time up to `maxDelayMs`, with full jitter. @default 200 */
  readonly initialDelayMs?: number;
  /** No wait is longer than this, but those of `redeliveryDelaysMs`. @default 30000 */
  readonly maxDelayMs?: number;
  /**
   * Milliseconds that a message waits on the broker when its `maxAttempts` are used up, before it is given as many again: a
   * wait for each further tier, none shorter than it says. `[60_000, 600_000]` with `maxAttempts: 3` makes 9 attempts. Others
   * pass it meanwhile, so it needs `ordering: 'none'`. Integers from 1 to 2147483647 (24.8 days). @default none
   */
  readonly redeliveryDelaysMs?: readonly number[];
  /**
   * Messages wait for their next attempt in this process alone, also on a broker that could bring them back, or cannot:
   * there, what waits is lost with the process. @default false
   */
  readonly inProcess?: boolean;
  /** No attempt begins later than this after the first failure, as this process knows it, over all tiers. Integer >= 0. @default no limit */
  readonly deadlineMs?: number;
  /** Classes of errors that another attempt cannot mend: such a message is a dead letter at once. @default none */
  readonly neverFor?: readonly ErrorClass[];
}

/** The class of an error, abstract ones included: `ValidationError`. */
export type ErrorClass = abstract new (...parameters: never[]) => unknown;

/** What an option of retries is when it is left out, on a broker that has `redelivery`. */
export const RETRY_DEFAULTS = {
  maxAttempts: 5,
  initialDelayMs: 200,
  maxDelayMs: 30_000,
  inProcess: false,
} as const satisfies RetryOptions;

/** n.b. `instanceof` with an arrow function throws. */
function isErrorClass(value: unknown): boolean {
  try {
    return typeof value === 'function' && typeof (new Error() instanceof value) === 'boolean';
  } catch {
    return false;
  }
}

/** The rules of `RetryOptions`. */
export const RETRY_RULES = {
  maxAttempts: option.integer(1),
  initialDelayMs: option.integer(0),
  maxDelayMs: option.integer(0),
  redeliveryDelaysMs: {
    expected: 'an array of waits in milliseconds, such as [60_000, 600_000]',
    // n.b. copied, so that a hole in the array is seen as well.
    accepts: (value) => Array.isArray(value) && [...value].every((item) => typeof item === 'number'),
  } satisfies OptionRule,
  inProcess: option.flag,
  deadlineMs: option.integer(0),
  neverFor: {
    expected: 'an array of error classes; a function that looks at an error is none',
    accepts: (value) => Array.isArray(value) && value.every(isErrorClass),
  } satisfies OptionRule,
} as const satisfies Record<keyof RetryOptions, unknown>;

type WithoutDefault = 'deadlineMs' | 'neverFor' | 'redeliveryDelaysMs';

/** Options of retries with every default filled in. */
export type ResolvedRetryOptions = Required<Omit<RetryOptions, WithoutDefault>> & Pick<RetryOptions, WithoutDefault>;

/** What every timer and every broker can count, in milliseconds: 24.8 days. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/**
 * Checks the options and fills in the defaults.
 * @param where how the reader finds the options
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function resolveRetryOptions(
  where: string,
  retry: RetryOptions,
  defaults: typeof RETRY_DEFAULTS | RetryOptions,
): ResolvedRetryOptions {
  checkOptions(`${where} retry`, retry, RETRY_RULES);
  retry.redeliveryDelaysMs?.forEach((waitMs, index) => {
    const name = `redeliveryDelaysMs[${index}]`;
    checkOptions(`${where} retry`, { [name]: waitMs }, { [name]: option.integer(1, LONGEST_WAIT_MS) });
  });
  return withDefaults(retry, defaults) as ResolvedRetryOptions;
}

/** @throws TransportError `TRANSPORT_OPTION_CONFLICT` */
export function refuseRetryConflicts(where: string, retry: ResolvedRetryOptions, ordering: string): void {
  const {
    initialDelayMs,
    maxDelayMs,
    redeliveryDelaysMs = [],
    inProcess,
    deadlineMs = Number.POSITIVE_INFINITY,
  } = retry;
  const waitsMs = longWaitsMs(retry);
  if (initialDelayMs > maxDelayMs) {
    const [initial, max] = [
      valueText(initialDelayMs, RETRY_DEFAULTS.initialDelayMs),
      valueText(maxDelayMs, RETRY_DEFAULTS.maxDelayMs),
    ];
    throw conflict(where, `initialDelayMs (${initial}) must not be above maxDelayMs (${max}).`);
  }
  if (redeliveryDelaysMs.length === 0) return;
  if (ordering !== 'none') {
    throw conflict(
      where,
      `redeliveryDelaysMs lets other messages pass the one that waits, and ordering: '${ordering}' does not allow it. Write ordering: 'none' where handlers need no order, or leave redeliveryDelaysMs out.`,
    );
  }
  if (inProcess) {
    throw conflict(
      where,
      'redeliveryDelaysMs gives messages back to the broker, and inProcess: true keeps them in this process. Leave one of them out.',
    );
  }
  if (waitsMs > deadlineMs) {
    throw conflict(
      where,
      `the waits of redeliveryDelaysMs (${waitsMs} ms together) do not fit into deadlineMs (${deadlineMs}), so the last of them would never be waited. Raise deadlineMs, or leave some out.`,
    );
  }
}

const conflict = (where: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `${where} retry: ${text}`);
