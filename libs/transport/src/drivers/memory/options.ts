import { checkOptions, option, withDefaults } from '../../shared/index.js';

/** Configures `memory()`. */
export interface MemoryOptions {
  /** Partitions of each topic; the members of a group share them. @default 8 */
  readonly partitions?: number;
  /** Maximum size of a message: key, body and headers. @default 1048576 */
  readonly maxMessageBytes?: number;
  /**
   * Messages that a topic keeps for groups that subscribe later; the oldest are removed first. Messages that an
   * existing group has not handled are always kept. @default 10000
   */
  readonly retainMessages?: number;
}

/** Lists the default of each option. */
export const MEMORY_DEFAULTS = {
  partitions: 8,
  maxMessageBytes: 1_048_576,
  retainMessages: 10_000,
} as const satisfies Required<MemoryOptions>;

export const MEMORY_RULES = {
  partitions: option.integer(1, 1_024),
  maxMessageBytes: option.integer(1),
  retainMessages: option.integer(0),
} as const satisfies Record<keyof MemoryOptions, unknown>;

export type ResolvedMemoryOptions = Required<MemoryOptions>;

export function resolveMemoryOptions(options: MemoryOptions): ResolvedMemoryOptions {
  checkOptions('memory()', options, MEMORY_RULES);
  return withDefaults(options, MEMORY_DEFAULTS);
}
