import {
  capabilityOf,
  GUARANTEE_LEVELS,
  type BrokerFacts,
  type Capabilities,
  type Guarantee,
  type GuaranteeLevel,
  type GuaranteeReason,
  type GuaranteeReasonCode,
  type TopicFacts,
} from '../../contract/index.js';
import type { ResolvedConsumingOptions } from '../consuming-options.js';
import { copyTopicsOf } from '../retry-topics/retry-topics.js';
import { longWaitsMs } from '../retry/tiers.js';
import type { FactsAnswer } from './broker-facts.js';
import { reasonFor, type ReasonDetails } from './reasons.js';

/** What a guarantee is computed of. */
export interface GuaranteeInput {
  readonly topic: string;
  readonly group: string;
  /** undefined: what cannot be handled is discarded. */
  readonly deadLetterTopic: string | undefined;
  /** Where messages wait between tiers; undefined where the broker keeps them. */
  readonly retryTopics?: readonly string[] | undefined;
  readonly options: Pick<ResolvedConsumingOptions, 'delivery' | 'startFrom' | 'retry'>;
  readonly capabilities: Capabilities;
  /** What the broker says of its settings. */
  readonly answer: FactsAnswer;
}

/** What can be promised of a subscription, from what was asked for and how the broker is really set. Pure. */
export function guaranteeOf(input: GuaranteeInput): Guarantee {
  return judged([...reasonsOfOptions(input), ...reasonsOfBroker(input)]);
}

/** What can be promised of what an application publishes, beside how the topic is kept. Pure. */
export function publishingGuaranteeOf(capabilities: Capabilities, { facts, reason }: FactsAnswer): Guarantee {
  const durable =
    capabilityOf(capabilities, 'durability') === 'unsupported' ? [reasonFor('not-durable', detailsOf(facts))] : [];
  if (facts === undefined) return judged([...durable, reason]);
  const repeats = facts.idempotent === false ? [reasonFor('repeats', { facts })] : [];
  return judged([...durable, ...reasonsOfConfirmation(facts), ...repeats]);
}

function reasonsOfOptions(input: GuaranteeInput): GuaranteeReason[] {
  const { topic, deadLetterTopic, options, capabilities, answer } = input;
  const { delivery, startFrom, retry } = options;
  const forgets = capabilityOf(capabilities, 'atLeastOnce') === 'unsupported';
  const codes: readonly (readonly [boolean, GuaranteeReasonCode])[] = [
    [forgets, 'no-redelivery'],
    [forgets && retry.inProcess && retry.maxAttempts > 1, 'retries-in-process'],
    [deadLetterTopic === undefined, 'discards'],
    [delivery === 'every-instance', 'every-instance'],
    [delivery === 'group' && startFrom === 'new', 'starts-new'],
  ];
  return codes.filter(([is]) => is).map(([, code]) => reasonFor(code, { topic, ...detailsOf(answer.facts) }));
}

function reasonsOfBroker(input: GuaranteeInput): GuaranteeReason[] {
  const { topic, group, capabilities, answer } = input;
  const { facts, reason, of } = answer;
  if (facts === undefined) {
    return capabilityOf(capabilities, 'durability') === 'unsupported'
      ? [reasonFor('not-durable', { topic })]
      : [reason];
  }
  const forgets = capabilityOf(capabilities, 'durability') === 'unsupported';
  const known = of(topic, group);
  const own = [...reasonsOfTopic(topic, known, facts, forgets), ...reasonsOfWaits(input, known, facts)];
  const copies = copyTopicsOf(input);
  if (copies.length === 0) return own;
  const ofCopies = copies.flatMap((each) => [
    ...reasonsOfTopic(each, of(each, undefined), facts, forgets),
    ...reasonsOfCompaction(each, of(each, undefined), facts),
  ]);
  return [...own, ...ofCopies, ...reasonsOfConfirmation(facts)];
}

/** n.b. of copies alone: who subscribes to a compacted topic wants the newest. */
function reasonsOfCompaction(topic: string, known: TopicFacts | undefined, facts: BrokerFacts): GuaranteeReason[] {
  return known?.newestOfKey === true ? [reasonFor('newest-of-key', { topic, facts })] : [];
}

/** What waits for a later tier is deleted at the same age as any other message of its topic. */
function reasonsOfWaits(input: GuaranteeInput, known: TopicFacts | undefined, facts: BrokerFacts): GuaranteeReason[] {
  const { topic, retryTopics, options, answer } = input;
  const tooLong = (waited: string, waitMs: number, { keptMs = Number.POSITIVE_INFINITY }: Partial<TopicFacts> = {}) =>
    waitMs < keptMs ? [] : [reasonFor('waits-too-long', { topic: waited, facts, detail: duration(keptMs) })];
  if (retryTopics === undefined) return tooLong(topic, longWaitsMs(options.retry), known);
  const waitOf = (index: number): number => options.retry.redeliveryDelaysMs?.[index] ?? 0;
  return retryTopics.flatMap((each, index) => tooLong(each, waitOf(index), answer.of(each, undefined)));
}

function reasonsOfConfirmation(facts: BrokerFacts): GuaranteeReason[] {
  if (facts.confirmedBy === 'all') return [];
  return [reasonFor(facts.confirmedBy === 'one' ? 'confirmed-by-leader' : 'unconfirmed', { facts })];
}

/** @param forgets the broker's restart loses messages, however it is set */
function reasonsOfTopic(
  topic: string,
  known: TopicFacts | undefined,
  facts: BrokerFacts,
  forgets: boolean,
): GuaranteeReason[] {
  const of = (code: GuaranteeReasonCode, detail?: string): GuaranteeReason => reasonFor(code, { topic, facts, detail });
  if (known === undefined) return [of('topic-missing')];
  const lost = known.storage === undefined ? [] : LOST_BY_STORAGE[known.storage];
  // n.b. where a message is kept says it better, if it says it.
  const storage = forgets && lost.length === 0 ? (['not-durable'] as const) : lost;
  const unknown = known.unknown === undefined ? [] : [of('not-readable', known.unknown)];
  // n.b. of what is stored nowhere, or in this process, copies and times say nothing more.
  if (known.storage === 'nowhere' || known.storage === 'process')
    return [...storage.map((code) => of(code)), ...unknown];
  return [...storage.map((code) => of(code)), ...reasonsOfCopies(known, of), ...unknown];
}

const LOST_BY_STORAGE = {
  disk: [],
  memory: ['kept-in-memory'],
  process: ['kept-in-process'],
  nowhere: ['not-stored'],
} as const satisfies Record<NonNullable<TopicFacts['storage']>, readonly GuaranteeReasonCode[]>;

function reasonsOfCopies(
  { copies, confirmedCopies, staleElection, keptMs }: TopicFacts,
  of: (code: GuaranteeReasonCode, detail?: string) => GuaranteeReason,
): GuaranteeReason[] {
  const severalByOne = copies !== undefined && copies > 1 && confirmedCopies === 1;
  return [
    ...(copies === 1 ? [of('one-copy')] : []),
    ...(severalByOne ? [of('confirmed-by-one', `${copies}`)] : []),
    ...(staleElection === true ? [of('stale-election')] : []),
    ...(keptMs === undefined ? [] : [of('kept-for-a-time', duration(keptMs))]),
  ];
}

const detailsOf = (facts: BrokerFacts | undefined): ReasonDetails => (facts === undefined ? {} : { facts });

/** The worst reason decides. */
function judged(reasons: readonly GuaranteeReason[]): Guarantee {
  const rank = ({ effect }: GuaranteeReason): number => (effect === 'note' ? 0 : GUARANTEE_LEVELS.indexOf(effect));
  const worst = Math.max(0, ...reasons.map(rank));
  const sorted = [...reasons].sort((a, b) => rank(b) - rank(a));
  return { level: GUARANTEE_LEVELS[worst] as GuaranteeLevel, reasons: sorted };
}

const UNITS = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1_000, 'second'],
] as const;

/** `604800000` as `7 days`, by the largest unit that leaves no rest. */
function duration(ms: number): string {
  const [size, unit] = UNITS.find(([each]) => ms >= each && ms % each === 0) ?? [1, 'ms'];
  const count = ms / size;
  return unit === 'ms' ? `${ms} ms` : `${count} ${unit}${count === 1 ? '' : 's'}`;
}
