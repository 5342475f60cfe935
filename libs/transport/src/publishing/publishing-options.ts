import { option } from '../shared/index.js';

/** Defaults for every publish of an application, on all its brokers. */
export interface PublishingOptions {
  /**
   * Timeout of a publish in milliseconds, from the call to the broker's confirmation, including schema, codec and the
   * wait for room. @default 10000
   */
  readonly publishTimeoutMs?: number;
  /** Largest message in bytes: key, body and headers together. @default the driver's own limit */
  readonly maxBytes?: number;
  /**
   * Maximum number of messages that wait or are under way, in all topics together; at the limit `publish` waits
   * (backpressure). Each topic has a sixteenth reserved. @default 10000
   */
  readonly maxOutstanding?: number;
  /** The same limit in bytes. @default 33554432 (32 MiB) */
  readonly maxOutstandingBytes?: number;
  /** Validates payloads against the schema of their event. @default true */
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
