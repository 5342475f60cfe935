import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { anySeed } from '../dice.js';

/**
 * Which faults an unreliable broker has, and how often. Each is the share of messages that it hits, from 0 (none) to 1 (all);
 * one kind hits a message at most once.
 */
export interface RandomFaultsOptions {
  /** The same seed has the same faults in the same places. Integer >= 0. @default any; `broker.seed` tells which */
  readonly seed?: number;
  /** The message comes again although it was settled. @default 0 */
  readonly duplicate?: number;
  /** Others go before it; never those of its own key, or partition, where the subscription keeps that order. @default 0 */
  readonly reorder?: number;
  /** It comes up to `maxDelayMs` late, and its key with it. @default 0 */
  readonly delay?: number;
  /** @default 1000 */
  readonly maxDelayMs?: number;
  /** Its settlement does not arrive, nor do those of a few that follow it in its lane: they come again, in their order. @default 0 */
  readonly loseAck?: number;
  /**
   * The connection of the subscription is torn away while the message is handled: nothing that runs then is settled, and all
   * of it comes again once the handlers have ended. @default 0
   */
  readonly crashInHandler?: number;
  /** Its dead letter is not stored at the first try. @default 0 */
  readonly failDeadLetter?: number;
  /** It is stored, but its publisher is told that nobody knows. @default 0 */
  readonly loseConfirmation?: number;
}

/** A kind of fault: the name of its option. */
export type FaultKind = Exclude<keyof RandomFaultsOptions, 'seed' | 'maxDelayMs'>;

export type ResolvedRandomFaultsOptions = Required<RandomFaultsOptions>;

/** What an option of an unreliable broker is when it is left out. */
export const UNRELIABLE_DEFAULTS = {
  duplicate: 0,
  reorder: 0,
  delay: 0,
  maxDelayMs: 1_000,
  loseAck: 0,
  crashInHandler: 0,
  failDeadLetter: 0,
  loseConfirmation: 0,
} as const satisfies Partial<RandomFaultsOptions>;

const share: OptionRule = {
  expected: 'a number from 0 to 1',
  accepts: (value) => typeof value === 'number' && value >= 0 && value <= 1,
  showsValue: true,
};

const RULES = {
  seed: option.integer(0),
  duplicate: share,
  reorder: share,
  delay: share,
  maxDelayMs: option.integer(1),
  loseAck: share,
  crashInHandler: share,
  failDeadLetter: share,
  loseConfirmation: share,
} as const satisfies Record<keyof RandomFaultsOptions, OptionRule>;

/** @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID` */
export function resolveRandomFaultsOptions(where: string, options: RandomFaultsOptions): ResolvedRandomFaultsOptions {
  checkOptions(where, options, RULES);
  return { ...withDefaults(options, UNRELIABLE_DEFAULTS), seed: options.seed ?? anySeed() };
}
