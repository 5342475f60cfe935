import { setTimeout as pause } from 'node:timers/promises';
import type { Subscription } from 'nest-transport';
import {
  afterwards,
  closeAll,
  connected,
  foreign,
  message,
  newTopic,
  TestSink,
  uniqueName,
  withAdmin,
} from './support.js';

const BEGINNING = { startFrom: 'beginning', delivery: 'every-instance' } as const;

afterEach(closeAll);

/** Reads a topic as a replay does, and tells what was handed over at its end. */
async function readToEnd(topic: string, sink = new TestSink(), more: Partial<Subscription> = {}): Promise<string[]> {
  const side = await connected();
  const consumption = await side.consume(uniqueName('ends'), [topic, sink, { ...BEGINNING, ...more }]);
  await consumption.untilEnd?.();
  const received = sink.received.map(({ body }) => String(body));
  await consumption.close();
  return received.sort();
}

/** A foreign program's transaction, which ends in a marker that nobody is given. */
async function transaction(topic: string, texts: readonly string[], end: 'commit' | 'abort'): Promise<void> {
  const producer = foreign().producer({
    transactionalId: uniqueName('ends'),
    maxInFlightRequests: 1,
    idempotent: true,
  });
  afterwards(() => producer.disconnect());
  await producer.connect();
  const started = await producer.transaction();
  await started.send({ topic, messages: texts.map((value) => ({ value })) });
  await started[end]();
}

it('reads an empty topic, and one whose records are deleted, to the end at once', async () => {
  const [empty, emptied] = [await newTopic(3), await newTopic(1)];
  const side = await connected();
  await side.send(message(emptied), message(emptied));
  await withAdmin(async (admin) => {
    // n.b. kafkajs knows nothing of a topic that it was not asked for before.
    await admin.fetchTopicOffsets(emptied);
    await admin.deleteTopicRecords({ topic: emptied, partitions: [{ partition: 0, offset: '2' }] });
  });
  expect(await readToEnd(empty)).toEqual([]);
  expect(await readToEnd(emptied)).toEqual([]);
});

it('does not come to the end while a stalled sink has something left to take, and does with partitions that hold nothing', async () => {
  const topic = await newTopic(3);
  const side = await connected();
  const sent = [1, 2, 3].map(() => message(topic, { partition: 1 }));
  await side.send(...sent);
  const sink = new TestSink();
  let taken = 0;
  const receive = sink.receive.bind(sink);
  sink.receive = async (deliveries) => {
    await pause(1_500);
    await receive(deliveries);
    taken += deliveries.length;
  };
  expect(await readToEnd(topic, sink)).toEqual(sent.map(({ id }) => id));
  expect(taken).toBe(3);
});

it('comes to the end of a partition that ends in markers, or in a transaction that was given up', async () => {
  const topic = await newTopic(1);
  await transaction(topic, ['a', 'b'], 'commit');
  expect(await readToEnd(topic)).toEqual(['a', 'b']);
  await transaction(topic, ['c'], 'abort');
  const behindTheMarkers = { startFrom: { offsets: { 0: '3' } } };
  expect(await readToEnd(topic, new TestSink(), behindTheMarkers)).toEqual([]);
  expect(await readToEnd(topic)).toEqual(['a', 'b']);
});

it('does not wait for a transaction that is open, and ends before it', async () => {
  const topic = await newTopic(1);
  const side = await connected();
  const before = message(topic);
  await side.send(before);
  const producer = foreign().producer({
    transactionalId: uniqueName('ends'),
    maxInFlightRequests: 1,
    idempotent: true,
  });
  afterwards(() => producer.disconnect());
  await producer.connect();
  const open = await producer.transaction();
  await open.send({ topic, messages: [{ value: 'c' }] });
  expect(await readToEnd(topic)).toEqual([before.id]);
  await open.abort();
});

it('ends a topic that grows while it is read where it ended at first', async () => {
  const topic = await newTopic(1);
  const side = await connected();
  const first = [1, 2, 3].map(() => message(topic));
  await side.send(...first);
  const sink = new TestSink(async () => void (await side.send(message(topic), message(topic))), 1);
  const received = await readToEnd(topic, sink);
  expect(received).toEqual(expect.arrayContaining(first.map(({ id }) => id)));
});
