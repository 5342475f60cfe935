import { setImmediate as nextTurn } from 'node:timers/promises';
import { ManualClock } from '../../testing/manual-clock.js';
import type { Delivery } from '../../contract/index.js';
import { BatchCollector, type BatchHandler } from './batch.js';

const delivery = (id: string, state = 'running'): Delivery => ({ id, state, topic: 'prices' }) as Delivery;

interface Setup {
  readonly maxMessages?: number;
  readonly atOnce?: number;
  readonly endsMessage?: (error: unknown, delivery: Delivery) => boolean;
}

function setUp(handle: BatchHandler, { maxMessages = 3, atOnce = 1, endsMessage }: Setup = {}) {
  const clock = new ManualClock();
  const seen: unknown[][] = [];
  const noted: BatchHandler = (payloads, deliveries) => {
    seen.push([...payloads]);
    return handle(payloads, deliveries);
  };
  const collector = new BatchCollector(noted, { maxMessages, maxWaitMs: 100 }, atOnce, clock, undefined, endsMessage);
  const collect = (...ids: string[]) => Promise.allSettled(ids.map((id) => collector.collect(id, delivery(id))));
  return { clock, seen, collector, collect };
}

const reasons = (settled: readonly PromiseSettledResult<unknown>[]): unknown[] =>
  settled.map((one) => (one.status === 'rejected' ? (one.reason as Error).message : 'done'));

describe('a batch', () => {
  test('is handed over when it is full, and the rest waits for more', async () => {
    const { seen, collect, clock } = setUp(() => undefined);
    const settled = collect('a', 'b', 'c', 'd');
    expect(seen).toEqual([['a', 'b', 'c']]);
    clock.advance(100);
    expect(reasons(await settled)).toEqual(['done', 'done', 'done', 'done']);
    expect(seen).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('is handed over maxWaitMs after its first message, full or not', async () => {
    const { seen, collect, clock } = setUp(() => undefined);
    void collect('a');
    clock.advance(60);
    void collect('b');
    clock.advance(39);
    expect(seen).toEqual([]);
    clock.advance(1);
    expect(seen).toEqual([['a', 'b']]);
  });

  test('waits for no more when it is told to hurry', () => {
    const { seen, collect, collector } = setUp(() => undefined);
    void collect('a');
    collector.hurry();
    expect(seen).toEqual([['a']]);
  });

  test('that is told to hurry waits for no more to its last message, though they are handed over one batch after the other', async () => {
    const { seen, collect, collector } = setUp(() => nextTurn());
    const settled = collect('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
    collector.hurry();
    await settled;
    expect(seen).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
      ['g', 'h'],
    ]);
  });

  test('waits for nobody once it ends, what comes after that neither', () => {
    const { seen, collect, collector } = setUp(() => undefined);
    collector.end();
    void collect('a');
    expect(seen).toEqual([['a']]);
  });

  test('fails as a whole with what the handler throws', async () => {
    const { collect } = setUp(() => Promise.reject(new Error('no database')));
    expect(reasons(await collect('a', 'b', 'c'))).toEqual(['no database', 'no database', 'no database']);
  });

  test('whose handler throws is handled in halves before the error ends messages, until it ends those alone that are bad', async () => {
    const handle = (payloads: readonly unknown[]): void => {
      if (payloads.includes('c')) throw new Error('c is bad');
    };
    const { seen, collect } = setUp(handle, { maxMessages: 5, endsMessage: () => true });
    expect(reasons(await collect('a', 'b', 'c', 'd', 'e'))).toEqual(['done', 'done', 'c is bad', 'done', 'done']);
    expect(seen.map((batch) => batch.join(''))).toEqual(['abcde', 'abc', 'ab', 'c', 'de']);
  });

  test('whose handler throws is handled once where its messages are tried again anyway', async () => {
    const endsMessage = (_: unknown, { id }: Delivery): boolean => id === 'c';
    const { seen, collect } = setUp(() => Promise.reject(new Error('no database')), { endsMessage });
    expect(reasons(await collect('a', 'b', 'c'))).toEqual(['no database', 'no database', 'no database']);
    expect(seen.map((batch) => batch.join(''))).toEqual(['abc', 'c']);
  });

  test('is done for the messages of which its outcomes say nothing', async () => {
    const { collect } = setUp(() => Object.assign(new Array(3), { 1: new Error('b is bad') }));
    expect(reasons(await collect('a', 'b', 'c'))).toEqual(['done', 'b is bad', 'done']);
  });

  test('fails for one message alone, though its outcome cannot be read', async () => {
    const trap = (): never => {
      throw new Error('trap');
    };
    const odd = new Proxy({}, { get: trap, getPrototypeOf: trap });
    const { collect } = setUp(() => [odd, new Error('b is bad'), undefined]);
    expect(reasons(await collect('a', 'b', 'c'))).toEqual(['done', 'b is bad', 'done']);
  });

  test('fails for one message alone, by an Error or by a rejected outcome in its place', async () => {
    const byError = setUp((payloads) => payloads.map((id) => (id === 'b' ? new Error('b is bad') : undefined)));
    expect(reasons(await byError.collect('a', 'b', 'c'))).toEqual(['done', 'b is bad', 'done']);

    const bySettled = setUp((payloads) =>
      Promise.allSettled(payloads.map((id) => (id === 'c' ? Promise.reject(new Error('c is bad')) : id))),
    );
    expect(reasons(await bySettled.collect('a', 'b', 'c'))).toEqual(['done', 'done', 'c is bad']);
  });

  test.each([
    [['one'], 'an array of 1'],
    [7, 'a value that is no array (number)'],
  ])('is refused a result that says nothing clear of each message: %j', async (result, words) => {
    const { collect } = setUp(() => result);
    const [first] = reasons(await collect('a', 'b', 'c'));
    expect(first).toContain(`returned ${words} for 3 messages of topic "prices"`);
    expect(first).toContain('TRANSPORT_BATCH_RESULT_INVALID');
  });

  test('runs at most as many times at once as it may, and gathers meanwhile', async () => {
    let release = (): void => undefined;
    const { seen, collect, clock } = setUp(() => new Promise<void>((resolve) => (release = resolve)));
    void collect('a', 'b', 'c', 'd', 'e');
    clock.advance(1_000);
    expect(seen).toEqual([['a', 'b', 'c']]);
    release();
    await nextTurn();
    expect(seen).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
  });

  test('leaves out what was revoked while it waited', async () => {
    const { seen, collector } = setUp(() => undefined);
    const revoked = delivery('a');
    const settled = collector.collect('a', revoked);
    void collector.collect('b', delivery('b'));
    revoked.state = 'revoked';
    collector.hurry();
    expect(seen).toEqual([['b']]);
    await expect(settled).resolves.toBeUndefined();
  });
});
