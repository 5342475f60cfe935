import { defineEvent } from '../../contract/index.js';
import { History } from './history.js';
import type { HistoryEntry, PublishOutcome } from './history-entry.js';

const topic = 'orders';
const publish = (id: string, key?: string, outcome: PublishOutcome = 'ok'): HistoryEntry[] => [
  { what: 'publish', id, topic, key },
  { what: 'published', id, outcome },
];
const begin = (id: string, group = 'g', attempt = 1): HistoryEntry => ({ what: 'handle', id, topic, group, attempt });
const end = (id: string, group = 'g', outcome: 'ok' | 'failed' = 'ok'): HistoryEntry => ({
  what: 'handled',
  id,
  topic,
  group,
  outcome,
});
const settle = (id: string, group = 'g', how: 'ack' | 'drop' | 'dead-letter' = 'ack'): HistoryEntry => ({
  what: 'settled',
  id,
  topic,
  group,
  how,
});
const handle = (id: string, group = 'g'): HistoryEntry[] => [begin(id, group), end(id, group), settle(id, group)];
const history = (...entries: (HistoryEntry | HistoryEntry[])[]): History => new History(entries.flat());

it('is judged however long it is', () => {
  const entries = Array.from({ length: 150_000 }, (_, index) => [...publish(`${index}`), end(`${index}`)]).flat();
  expect(() => new History(entries).assertNothingLost({ expect: 'seen' })).not.toThrow();
});

describe('a history without a fault', () => {
  const sound = history(
    publish('1', 'a'),
    publish('2', 'b'),
    publish('3', 'a'),
    publish('unknown', 'a', 'unknown'),
    publish('failed', 'a', 'failed'),
    begin('1'),
    handle('2'),
    end('1', 'g', 'failed'),
    begin('1', 'g', 2),
    end('1'),
    settle('1'),
    begin('3'),
    end('3', 'g', 'failed'),
    settle('3', 'g', 'dead-letter'),
  );

  test('passes every check', () => {
    sound.assertNothingLost();
    sound.assertNoPhantom();
    sound.assertDuplicatesAtMost(0);
    sound.assertOrderPerKey();
    sound.assertPredecessorsSettled();
  });
});

describe('planted histories are found out', () => {
  test('a confirmed message that nobody settled is lost', () => {
    const lost = history(publish('1'), publish('2'), handle('1'));
    expect(() => lost.assertNothingLost()).toThrow(
      /1 message confirmed, but neither handled nor dead-lettered by group "g" on "orders": 2/,
    );
  });

  test('a message that one of two groups settled is lost to the other', () => {
    const lost = history(publish('1'), publish('2'), handle('1', 'a'), handle('2', 'a'), handle('1', 'b'));
    expect(() => lost.assertNothingLost()).toThrow(/group "b".*: 2/);
  });

  test('a message whose handler only began, or failed, is lost', () => {
    expect(() => history(publish('1'), begin('1'), end('1', 'g', 'failed')).assertNothingLost()).toThrow(/: 1$/);
  });

  test('confirmed messages of a topic that nobody read are lost', () => {
    expect(() => history(publish('1')).assertNothingLost()).toThrow(/their topic was never read: 1/);
  });

  test('in the middle of the work, what comes after the last message seen is not lost yet, and what comes before is', () => {
    history(publish('1'), publish('2'), handle('1')).assertNothingLost({ expect: 'seen' });
    const gap = history(publish('1'), publish('2'), handle('2'));
    expect(() => gap.assertNothingLost({ expect: 'seen' })).toThrow(/: 1$/);
  });

  test('a dropped or dead-lettered message is not lost, and one whose publish is unknown may be', () => {
    history(publish('1'), publish('2', 'a', 'unknown'), settle('1', 'g', 'drop')).assertNothingLost();
  });

  test('handlings beyond the first are duplicates, counted per group', () => {
    const twice = history(publish('1'), handle('1'), handle('1'), handle('1', 'other'));
    twice.assertDuplicatesAtMost(1);
    expect(() => twice.assertDuplicatesAtMost(0)).toThrow(/1 duplicates, at most 0 allowed: 1 \(2 times\)/);
  });

  test('a key that is first handled out of order is found, and a redelivery is not mistaken for it', () => {
    const three = [...publish('1', 'a'), ...publish('2', 'a'), ...publish('3', 'a')];
    expect(() => history(three, handle('2'), handle('1')).assertOrderPerKey()).toThrow(
      /1 message of key "a" first handled by .* after 2/,
    );
    history(three, handle('1'), handle('2'), handle('1'), handle('3')).assertOrderPerKey();
    history(publish('1', 'a'), publish('2', 'b'), handle('2'), handle('1')).assertOrderPerKey();
  });

  test('a handler that begins before the predecessor of its key is settled is found', () => {
    const early = history(publish('1', 'a'), publish('2', 'a'), begin('1'), begin('2'));
    expect(() => early.assertPredecessorsSettled()).toThrow(/before its predecessor 1 was settled: 2/);
    history(publish('1', 'a'), publish('2', 'a'), begin('1', 'g'), begin('2', 'other')).assertPredecessorsSettled();
  });

  test('what was handled and never published, or reported as not stored, is a phantom', () => {
    expect(() => history(handle('ghost')).assertNoPhantom()).toThrow(/never published: ghost/);
    expect(() => history(publish('1', 'a', 'failed'), handle('1')).assertNoPhantom()).toThrow(
      /reported as not stored: 1/,
    );
    history(publish('1', 'a', 'unknown'), handle('1')).assertNoPhantom();
  });

  test('a long list of culprits is cut at ten', () => {
    const many = Array.from({ length: 12 }, (_, index) => publish(`${index}`)).flat();
    expect(() => history(many).assertNothingLost()).toThrow(/12 messages .*: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more/);
  });
});

describe('recording', () => {
  test('a publisher that fails is written down with what is known of the message', async () => {
    const written = new History();
    const failing = { publish: () => Promise.reject(Object.assign(new Error('x'), { stored: 'unknown' })) };
    await expect(written.recordPublisher(failing as never).publish(topic, {}, { id: '1', key: 'a' })).rejects.toThrow(
      'x',
    );
    expect(written.entries).toEqual(publish('1', 'a', 'unknown'));
  });

  test('the key of an event is written down, and the id that was chosen is passed on', async () => {
    const written = new History();
    const given: unknown[] = [];
    const publisher = { publish: (...call: unknown[]) => (given.push(call[2]), Promise.resolve({ id: 'x' })) };
    const event = defineEvent<{ id: string }>(topic, { key: (order) => order.id });
    await written.recordPublisher(publisher as never).publish(event, { id: 'o-1' });
    expect(written.entries[0]).toMatchObject({ what: 'publish', topic, key: 'o-1' });
    expect(given).toEqual([{ id: (written.entries[0] as { id: string }).id }]);
  });
});
