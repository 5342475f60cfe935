import {
  GUARANTEE_LEVELS,
  GUARANTEE_REASONS,
  isAtLeast,
  type BrokerConnection,
  type BrokerFacts,
  type Capabilities,
  type GuaranteeLevel,
  type GuaranteeReasonCode,
  type TopicFacts,
} from '../../contract/index.js';
import { MEMORY_CAPABILITIES } from '../../drivers/memory/capabilities.js';
import { askForFacts, NOT_ASKED, type FactsAnswer } from './broker-facts.js';
import { resolveConsumingOptions, type ConsumingOptions } from '../consuming-options.js';
import { guaranteeOf, publishingGuaranteeOf } from './guarantee.js';

/** A broker that can do everything, and a topic that loses nothing. */
const ABLE: Capabilities = { ...MEMORY_CAPABILITIES, durability: 'native' };
const SAFE: TopicFacts = { storage: 'disk', copies: 3, confirmedCopies: 2, staleElection: false };
const CONFIRMED = { confirmedBy: 'all', idempotent: true } as const;

type Describe = NonNullable<BrokerConnection['describe']>;

interface Case {
  readonly topic?: TopicFacts | undefined;
  readonly deadLetters?: TopicFacts | undefined;
  readonly facts?: Partial<BrokerFacts>;
  readonly options?: ConsumingOptions;
  readonly capabilities?: Partial<Capabilities>;
  readonly answer?: FactsAnswer;
}

function answerOf({ topic, deadLetters, facts }: Case): FactsAnswer {
  const known: BrokerFacts = { ...CONFIRMED, ...facts, topics: [topic, deadLetters] };
  return { ...NOT_ASKED, facts: known, of: (name) => (name === 'orders' ? topic : deadLetters) };
}

function guaranteeIn(given: Case) {
  const filled = { topic: SAFE, deadLetters: SAFE, ...given };
  const capabilities = { ...ABLE, ...given.capabilities };
  const options = resolveConsumingOptions('x', given.options ?? {}, capabilities);
  const deadLetterTopic = options.deadLetterTopic === false ? undefined : 'dead';
  const answer = given.answer ?? answerOf(filled);
  return guaranteeOf({ topic: 'orders', group: 'stock', deadLetterTopic, options, capabilities, answer });
}

const codesOf = (given: Case): readonly GuaranteeReasonCode[] => guaranteeIn(given).reasons.map(({ code }) => code);

test('nothing is lost where several servers must have a message on disk, and what fails is kept', () => {
  expect(guaranteeIn({})).toEqual({ level: 'at-least-once', reasons: [] });
});

/** Every reason, planted: what makes it, and the level that is left. */
const PLANTED: { readonly [Code in GuaranteeReasonCode]: readonly [GuaranteeLevel, Case] } = {
  'no-redelivery': ['at-most-once', { capabilities: { atLeastOnce: 'unsupported' } }],
  'not-stored': ['at-most-once', { topic: { storage: 'nowhere' } }],
  'retries-in-process': [
    'at-most-once',
    { capabilities: { atLeastOnce: 'unsupported' }, options: { retry: { inProcess: true } } },
  ],
  'kept-in-process': ['may-lose', { topic: { storage: 'process' } }],
  'kept-in-memory': ['may-lose', { topic: { ...SAFE, storage: 'memory' } }],
  'not-durable': ['may-lose', { capabilities: { durability: 'unsupported' }, answer: NOT_ASKED }],
  'one-copy': ['may-lose', { topic: { ...SAFE, copies: 1, confirmedCopies: 1 } }],
  'confirmed-by-one': ['may-lose', { topic: { ...SAFE, confirmedCopies: 1 } }],
  'stale-election': ['may-lose', { topic: { ...SAFE, staleElection: true } }],
  'confirmed-by-leader': ['may-lose', { facts: { confirmedBy: 'one' } }],
  unconfirmed: ['may-lose', { facts: { confirmedBy: 'none' } }],
  discards: ['may-lose', { options: { deadLetterTopic: false } }],
  'waits-too-long': [
    'may-lose',
    { topic: { ...SAFE, keptMs: 90 }, options: { ordering: 'none', retry: { redeliveryDelaysMs: [30, 60] } } },
  ],
  'newest-of-key': ['may-lose', { deadLetters: { ...SAFE, newestOfKey: true } }],
  'every-instance': ['may-lose', { options: { delivery: 'every-instance' } }],
  'not-asked': ['unknown', { answer: NOT_ASKED }],
  'not-told': ['unknown', { answer: { ...NOT_ASKED, reason: { ...NOT_ASKED.reason, code: 'not-told' } } }],
  'not-readable': ['unknown', { topic: { storage: 'disk', copies: 3, unknown: 'no right to it' } }],
  'topic-missing': ['unknown', { topic: undefined }],
  'starts-new': ['at-least-once', { options: { startFrom: 'new' } }],
  'kept-for-a-time': ['at-least-once', { topic: { ...SAFE, keptMs: 604_800_000 } }],
  repeats: ['at-least-once', {}],
};

test.each(Object.entries(PLANTED).filter(([code]) => code !== 'repeats'))('%s is seen', (code, [level, given]) => {
  const { level: left, reasons } = guaranteeIn(given);
  expect({ left, codes: reasons.map((reason) => reason.code) }).toEqual({
    left: level,
    codes: expect.arrayContaining([code]),
  });
});

test.each(Object.entries(GUARANTEE_REASONS))('%s says in plain words what happens and what to do', (_code, rule) => {
  expect(rule.why).not.toMatch(/\.$|^[A-Z]/);
  expect(rule.remedy).toMatch(/^[A-Z].*\.$/);
});

test('the worst reason decides, and stands first', () => {
  const given: Case = { topic: undefined, options: { startFrom: 'new', deadLetterTopic: false } };
  expect(codesOf(given)).toEqual(['discards', 'topic-missing', 'starts-new']);
  expect(guaranteeIn(given).level).toBe('may-lose');
  expect(guaranteeIn({ ...given, capabilities: { atLeastOnce: 'unsupported' } }).level).toBe('at-most-once');
});

test('a topic of dead letters is judged like any other, and named', () => {
  expect(guaranteeIn({ deadLetters: { ...SAFE, copies: 1 } }).reasons).toEqual([
    expect.objectContaining({ code: 'one-copy', topic: 'dead' }),
  ]);
});

test('what this application publishes does not matter to a subscription that publishes nothing', () => {
  expect(codesOf({ facts: { confirmedBy: 'none' }, options: { deadLetterTopic: false } })).toEqual(['discards']);
});

test('a broker whose restart loses messages is told of beside its facts, unless they say it better', () => {
  const of = (topic: TopicFacts) =>
    codesOf({ topic, capabilities: { durability: 'unsupported' }, options: { deadLetterTopic: false } }).slice(1);
  expect(of(SAFE)).toEqual(['not-durable']);
  expect(of({ copies: 1, unknown: 'no way to ask' })).toEqual(['not-durable', 'one-copy', 'not-readable']);
  expect(of({ ...SAFE, storage: 'memory' })).toEqual(['kept-in-memory']);
  expect(of({ storage: 'process' })).toEqual(['kept-in-process']);
});

test('waits that end before their message is deleted lose nothing', () => {
  const options = { ordering: 'none', retry: { redeliveryDelaysMs: [30, 60] } } as const;
  expect(codesOf({ topic: { ...SAFE, keptMs: 91 }, options })).toEqual(['kept-for-a-time']);
  expect(codesOf({ topic: SAFE, options })).toEqual([]);
  const [reason] = guaranteeIn({ topic: { ...SAFE, keptMs: 60 }, options }).reasons;
  expect(reason).toMatchObject({
    code: 'waits-too-long',
    topic: 'orders',
    why: expect.stringContaining('after 60 ms'),
  });
});

test('where messages wait in retry topics, each has to keep them for its own wait, and as safely as any other topic', () => {
  const options = resolveConsumingOptions('x', { ordering: 'none', retry: { redeliveryDelaysMs: [30, 60] } }, ABLE);
  const kept: Record<string, TopicFacts> = {
    'r-1': { ...SAFE, keptMs: 31 },
    'r-2': { ...SAFE, copies: 1, keptMs: 60 },
  };
  const facts: BrokerFacts = { ...CONFIRMED, topics: [] };
  const answer = { ...NOT_ASKED, facts, of: (name: string) => kept[name] ?? { ...SAFE, keptMs: 40 } };
  const subject = { topic: 'orders', group: 'stock', deadLetterTopic: undefined, retryTopics: ['r-1', 'r-2'] };
  const { level, reasons } = guaranteeOf({ ...subject, options, capabilities: ABLE, answer });
  expect(level).toBe('may-lose');
  const told = reasons.filter(({ effect }) => effect === 'may-lose').map(({ code, topic }) => `${code} ${topic}`);
  expect(told.sort()).toEqual(['discards orders', 'one-copy r-2', 'waits-too-long r-2']);
});

test('a compacted topic loses copies, and is what its own subscribers wanted', () => {
  const compacted = { ...SAFE, newestOfKey: true };
  expect(guaranteeIn({ topic: compacted }).level).toBe('at-least-once');
  expect(guaranteeIn({ deadLetters: compacted }).reasons).toMatchObject([{ code: 'newest-of-key', topic: 'dead' }]);
});

test('one copy is not told twice, as confirmed by one', () => {
  expect(codesOf({ topic: { ...SAFE, copies: 1, confirmedCopies: 1 } })).toEqual(['one-copy']);
});

test('retries in this process lose nothing where the broker keeps what is not settled', () => {
  expect(guaranteeIn({ options: { retry: { inProcess: true } } }).level).toBe('at-least-once');
});

test("the driver's own words are taken for what to do, also where an option is the reason", () => {
  const facts = { remedy: { 'starts-new': 'Come first.', 'not-durable': 'Take another.' } };
  expect(guaranteeIn({ facts, options: { startFrom: 'new' } }).reasons).toMatchObject([{ remedy: 'Come first.' }]);
  const forgetful = { ...ABLE, durability: 'unsupported' } as const;
  expect(publishingGuaranteeOf(forgetful, answerOf({ facts })).reasons).toMatchObject([{ remedy: 'Take another.' }]);
});

test("the driver's own words are taken for what to do, and times and numbers are filled in", () => {
  const facts = { remedy: { 'confirmed-by-one': 'Turn the knob.' } };
  const [reason, note] = guaranteeIn({ facts, topic: { ...SAFE, confirmedCopies: 1, keptMs: 7_200_000 } }).reasons;
  expect(reason).toMatchObject({ remedy: 'Turn the knob.', why: expect.stringContaining('of 3 servers') });
  expect(note?.why).toContain('deleted after 2 hours');
  const kept = (keptMs: number) => guaranteeIn({ topic: { ...SAFE, keptMs } }).reasons[0]?.why;
  expect([kept(86_400_000), kept(90_000), kept(1_500)]).toEqual([
    expect.stringContaining('after 1 day,'),
    expect.stringContaining('after 90 seconds,'),
    expect.stringContaining('after 1500 ms,'),
  ]);
});

test('a publish is judged by who confirms it', () => {
  const publishing = (given: Case, capabilities: Partial<Capabilities> = {}) =>
    publishingGuaranteeOf({ ...ABLE, ...capabilities }, answerOf(given));
  expect(publishing({})).toEqual({ level: 'at-least-once', reasons: [] });
  expect(publishing({ facts: { idempotent: false } })).toMatchObject({
    level: 'at-least-once',
    reasons: [{ code: 'repeats' }],
  });
  expect(publishing({ facts: { confirmedBy: 'one' } }).level).toBe('may-lose');
  expect(publishing({ facts: { confirmedBy: 'none' } }).level).toBe('may-lose');
  expect(publishing({}, { durability: 'unsupported' }).level).toBe('may-lose');
  expect(publishingGuaranteeOf(ABLE, NOT_ASKED).level).toBe('unknown');
});

test('levels have an order: unknown is below at least once, and above what is known to lose', () => {
  expect(GUARANTEE_LEVELS.map((level) => isAtLeast(level, 'may-lose'))).toEqual([true, true, true, false]);
  expect(isAtLeast('unknown', 'at-least-once')).toBe(false);
  expect(isAtLeast('at-least-once', 'at-least-once')).toBe(true);
});

describe('asking a broker', () => {
  /** Only what is asked of it. */
  const connection = (describe?: Describe): BrokerConnection =>
    (describe === undefined ? {} : { describe }) as unknown as BrokerConnection;
  const query = { topic: 'orders', group: 'stock' };

  test('asks once for what is asked twice, and finds the answer by topic and group', async () => {
    let asked = 0;
    const counting: Describe = async (all) => {
      asked = all.length;
      return { ...CONFIRMED, topics: all.map(() => SAFE) };
    };
    const answer = await askForFacts(connection(counting), [query, query, { topic: 'dead', group: undefined }]);
    expect([asked, answer.of('orders', 'stock'), answer.of('orders', 'other')]).toEqual([2, SAFE, undefined]);
  });

  test('says so when the driver cannot tell, or the broker does not answer', async () => {
    expect((await askForFacts(connection(), [query])).reason.code).toBe('not-told');
    const failing = connection(() => Promise.reject(new Error('no such right')));
    expect((await askForFacts(failing, [query])).reason).toMatchObject({
      code: 'not-readable',
      why: expect.stringContaining('no such right'),
    });
  });
});
