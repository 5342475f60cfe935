import { checkOptions, option, withDefaults, type OptionRule } from '../../shared/index.js';
import { anySeed } from '../dice.js';

/**
 * Fault rates of `randomFaults`. Each is the share of messages that the fault hits, from 0 (none) to 1 (all). One kind hits a
 * message at most once.
 */
export interface RandomFaultsOptions {
  /** The same seed causes the same faults in the same places. Integer >= 0. @default random; `broker.seed` returns it */
  readonly seed?: number;
  /** The message is delivered again although it was settled. @default 0 */
  readonly duplicate?: number;
  /** Later messages are delivered before it, but not those of its own key or partition if the subscription orders by it. @default 0 */
  readonly reorder?: number;
  /** The message and its key are delivered up to `maxDelayMs` late. @default 0 */
  readonly delay?: number;
  /** @default 1000 */
  readonly maxDelayMs?: number;
  /** Its settlement is lost, with those of a few messages after it in its lane: they are redelivered in order. @default 0 */
  readonly loseAck?: number;
  /**
   * The subscription loses its connection while the message is handled: no running message is settled, and all of them
   * are redelivered when their handlers have ended. @default 0
   */
  readonly crashInHandler?: number;
  /** The first attempt to store its dead letter fails. @default 0 */
  readonly failDeadLetter?: number;
  /** The message is stored, but its publish rejects with an unknown outcome. @default 0 */
  readonly loseConfirmation?: number;
}

/** A kind of fault: the name of its option. */
export type FaultKind = Exclude<keyof RandomFaultsOptions, 'seed' | 'maxDelayMs'>;

export type ResolvedRandomFaultsOptions = Required<RandomFaultsOptions>;

/** Defaults of the fault rates. */
export const RANDOM_FAULTS_DEFAULTS = {
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
  return { ...withDefaults(options, RANDOM_FAULTS_DEFAULTS), seed: options.seed ?? anySeed() };
}
