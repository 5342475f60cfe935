import { option } from '../shared/index.js';

/** Defaults for every publish of an application, on all its brokers. */
export interface PublishingOptions {
  /** Bounds a publish from the call to the broker's confirmation: schema, codec, and the wait for room included. @default 10000 */
  readonly publishTimeoutMs?: number;
  /** Largest message, key, body and headers together, in bytes. @default the driver's own limit */
  readonly maxBytes?: number;
  /** Messages that may wait or be under way, for all topics together; at the bound `publish` waits. A sixteenth is reserved for each topic. @default 10000 */
  readonly maxOutstanding?: number;
  /** The same bound in bytes. @default 33554432 (32 MiB) */
  readonly maxOutstandingBytes?: number;
  /** Whether payloads are checked against the schema of their event. @default true */
  readonly validate?: boolean;
}

export const PUBLISHING_DEFAULTS = {
  publishTimeoutMs: 10_000,
  maxOutstanding: 10_000,
  maxOutstandingBytes: 33_554_432,
  validate: true,
} as const satisfies PublishingOptions;

export const PUBLISHING_RULES = {
  publishTimeoutMs: option.integer(1),
  maxBytes: option.integer(1),
  maxOutstanding: option.integer(1),
  maxOutstandingBytes: option.integer(1),
  validate: option.flag,
} as const satisfies Record<keyof PublishingOptions, unknown>;
