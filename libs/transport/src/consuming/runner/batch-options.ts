import { TransportError } from '../../contract/index.js';
import { checkOptions, option, withDefaults } from '../../shared/index.js';

/** How messages are gathered for a handler that takes many at once. */
export interface BatchOptions {
  /** A batch is handed over when it has so many messages. Integer >= 1. */
  readonly maxMessages: number;
  /** And at the latest so long after its first message came. @default 100 */
  readonly maxWaitMs?: number;
}

export const BATCH_DEFAULTS = { maxWaitMs: 100 } as const satisfies Partial<BatchOptions>;

const BATCH_RULES = {
  maxMessages: option.integer(1),
  maxWaitMs: option.integer(0),
} as const satisfies Record<keyof BatchOptions, unknown>;

/**
 * @param where how the reader finds the options
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function resolveBatchOptions(where: string, options: BatchOptions): Required<BatchOptions> {
  checkOptions(`${where} batch`, options, BATCH_RULES);
  if (options.maxMessages !== undefined) return withDefaults(options, BATCH_DEFAULTS) as Required<BatchOptions>;
  throw new TransportError(
    'TRANSPORT_OPTION_INVALID',
    `${where} batch: maxMessages is missing. Write batch: { maxMessages: 100 }.`,
  );
}
