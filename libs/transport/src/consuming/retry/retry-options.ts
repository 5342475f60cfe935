import { TransportError } from '../../contract/index.js';
import { checkOptions, option, valueText, withDefaults, type OptionRule } from '../../shared/index.js';

import { longWaitsMs } from './tiers.js';

/** How often a message is tried, and how long it waits between attempts. */
export interface RetryOptions {
  /**
   * Attempts at one message, the first included; with `redeliveryDelaysMs`, attempts per tier. Integer >= 1. @default
   * 5; 1 if the broker has no `redelivery`
   */
  readonly maxAttempts?: number;
  /**
   * Longest wait before attempt 2, in milliseconds; it doubles each time up to `maxDelayMs`, with full jitter. @default
   * 200
   */
  readonly initialDelayMs?: number;
  /** Longest wait in milliseconds, except for those of `redeliveryDelaysMs`. @default 30000 */
  readonly maxDelayMs?: number;
  /**
   * Waits on the broker in milliseconds: after `maxAttempts` attempts the message waits, then gets as many again, once
   * per entry. Each wait is a minimum. `[60_000, 600_000]` with `maxAttempts: 3` makes 9 attempts. Other messages pass
   * it in the meantime, so it requires `ordering: 'none'`. Integers from 1 to 2147483647 (24.8 days). @default none
   */
  readonly redeliveryDelaysMs?: readonly number[];
  /**
   * Keeps messages that wait for a retry in this process, even if the broker could redeliver them. On a broker that
   * cannot, such messages are lost with the process. @default false
   */
  readonly inProcess?: boolean;
  /**
   * No attempt starts later than this many milliseconds after the first failure that this process knows of, in all
   * tiers. Integer >= 0. @default no limit
   */
  readonly deadlineMs?: number;
  /** Error classes that no retry can fix: such a message is dead-lettered immediately. @default none */
  readonly neverFor?: readonly ErrorClass[];
}

/** An error class, possibly abstract: `ValidationError`. */
export type ErrorClass = abstract new (...parameters: never[]) => unknown;

/** The defaults of `RetryOptions` on a broker with `redelivery`. */
export const RETRY_DEFAULTS = {
  maxAttempts: 5,
  initialDelayMs: 200,
  maxDelayMs: 30_000,
  inProcess: false,
} as const satisfies RetryOptions;

/** `instanceof` with an arrow function throws. */
function isErrorClass(value: unknown): boolean {
  try {
    return typeof value === 'function' && typeof (new Error() instanceof value) === 'boolean';
  } catch {
    return false;
  }
}

/** Rules of `RetryOptions`. */
export const RETRY_RULES = {
  maxAttempts: option.integer(1),
  initialDelayMs: option.integer(0),
  maxDelayMs: option.integer(0),
  redeliveryDelaysMs: {
    expected: 'an array of delays in milliseconds, such as [60_000, 600_000]',
    // Copied, so that holes in the array are checked too.
    accepts: (value) => Array.isArray(value) && [...value].every((item) => typeof item === 'number'),
  } satisfies OptionRule,
  inProcess: option.flag,
  deadlineMs: option.integer(0),
  neverFor: {
    expected: 'an array of error classes; a function that inspects errors is not a class',
    accepts: (value) => Array.isArray(value) && value.every(isErrorClass),
  } satisfies OptionRule,
} as const satisfies Record<keyof RetryOptions, unknown>;

type WithoutDefault = 'deadlineMs' | 'neverFor' | 'redeliveryDelaysMs';

/** Retry options with every default filled in. */
export type ResolvedRetryOptions = Required<Omit<RetryOptions, WithoutDefault>> & Pick<RetryOptions, WithoutDefault>;

/** The longest delay that every timer and every broker supports, in milliseconds: 24.8 days. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/**
 * Checks the options and fills in the defaults.
 * @param where the location of the options
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

/**
 * Rejects retry options that contradict each other or the ordering. @throws TransportError `TRANSPORT_OPTION_CONFLICT`
 */
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
    throw conflict(where, `initialDelayMs (${initial}) must not exceed maxDelayMs (${max}).`);
  }
  if (redeliveryDelaysMs.length === 0) return;
  if (ordering !== 'none') {
    throw conflict(
      where,
      `redeliveryDelaysMs lets other messages pass the one that waits, but ordering: '${ordering}' does not allow that. Set ordering: 'none' if handlers need no order, or remove redeliveryDelaysMs.`,
    );
  }
  if (inProcess) {
    throw conflict(
      where,
      'redeliveryDelaysMs returns messages to the broker, but inProcess: true keeps them in this process. Remove one of them.',
    );
  }
  if (waitsMs > deadlineMs) {
    throw conflict(
      where,
      `the delays of redeliveryDelaysMs (${waitsMs} ms in total) exceed deadlineMs (${deadlineMs}), so the last one would never be used. Raise deadlineMs, or remove some delays.`,
    );
  }
}

const conflict = (where: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `${where} retry: ${text}`);
