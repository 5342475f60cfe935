import { CompressionTypes } from 'kafkajs';
import type { Delivery } from 'nest-transport';
import type { KafkaRecord } from 'nest-transport/kafka';
import {
  afterwards,
  closeAll,
  committed,
  connected,
  foreign,
  foreignSend,
  grow,
  Latch,
  message,
  newTopic,
  TestSink,
  uniqueName,
  until,
  withAdmin,
} from './support.js';

afterEach(closeAll);

const bodies = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ body }) => String(body));

const numbered = (count: number, from = 0): { value: string }[] =>
  Array.from({ length: count }, (_, index) => ({ value: String(from + index) }));

describe('a delivery from Kafka', () => {
  const receiveAll = async (records: Parameters<typeof foreignSend>[1]): Promise<Delivery[]> => {
    const topic = await newTopic();
    await foreignSend(topic, records);
    const sink = new TestSink();
    await (await connected()).consume(uniqueName('group'), [topic, sink]);
    await until('all have come', () => sink.done.length === records.length);
    return sink.received;
  };

  it('shows headers of foreign programs: binary, repeated, in capitals, and named like parts of an object', async () => {
    const headers = {
      'X-Tenant': 'acme',
      twice: ['first', 'last'],
      bytes: Buffer.from([0xff, 0x00]),
      constructor: 'foreign',
      toString: 'too',
    };
    const [delivery] = (await receiveAll([{ value: 'x', headers: headers as never }])) as [Delivery<KafkaRecord>];
    expect({ ...delivery.headers }).toEqual({
      'x-tenant': 'acme',
      twice: 'last',
      bytes: '\ufffd\0',
      constructor: 'foreign',
      tostring: 'too',
    });
    expect(delivery.header('x-tenant')).toBe('acme');
    expect(delivery.header('twice')).toBe('last');
    expect(delivery.header('constructor')).toBe('foreign');
    expect(delivery.header('hasownproperty')).toBeUndefined();
    expect(delivery.raw.headers?.['bytes']).toEqual(Buffer.from([0xff, 0x00]));
  });

  it('knows place, time and a lasting id of a message that carries none', async () => {
    const began = Date.now();
    const [, second] = await receiveAll([{ value: 'a' }, { value: 'b', key: 'ключ' }]);
    expect(second).toMatchObject({ offset: '1', partition: 0, key: 'ключ', attempt: 1 });
    expect(second?.id).toBe(`${second?.topic}/0/1`);
    expect(second?.publishedAt?.getTime()).toBeGreaterThanOrEqual(began - 1_000);
  });

  it('keeps a tombstone, an empty body and an empty key apart', async () => {
    const received = await receiveAll([{ value: null, key: 'gone' }, { value: '' }, { value: 'x', key: '' }]);
    expect(received.map(({ key, body }) => [key, body?.toString()])).toEqual([
      ['gone', undefined],
      [undefined, ''],
      ['', 'x'],
    ]);
  });

  it('has the order of its partition when it has no key', async () => {
    const [delivery] = await receiveAll([{ value: 'x' }]);
    expect(delivery?.stream).toBe(0);
  });
});

describe('where a group begins', () => {
  it('a new group begins with what the topic still holds', async () => {
    const topic = await newTopic(3);
    await foreignSend(
      topic,
      [0, 1, 2].map((partition) => ({ value: `old-${partition}`, partition })),
    );
    const sink = new TestSink();
    await (await connected()).consume(uniqueName('group'), [topic, sink]);
    await until('all old ones have come', () => sink.done.length === 3);
  });

  it("with startFrom 'new' nothing is lost when nothing was committed before the next rebalance, where kafkajs loses it", async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(topic, numbered(3));
    const latch = new Latch();
    const held = new TestSink(() => latch.wait());
    const first = await connected({ revokeWaitMs: 0 });
    await first.consume(group, [topic, held, { startFrom: 'new' }]);
    await until('the start is committed', async () => (await committed(group, topic)).get(0)?.offset === 3);
    await foreignSend(topic, numbered(2, 3));
    await until('both have come', () => held.received.length === 2);
    await first.connection.close();
    latch.open();
    const sink = new TestSink();
    await (await connected()).consume(group, [topic, sink, { startFrom: 'new' }]);
    await until('both have come again', () => sink.done.length === 2);
    expect(bodies(sink.done)).toEqual(['3', '4']);
  });

  it("with startFrom 'new' a partition that was added is read from its beginning", async () => {
    const topic = await newTopic(1);
    const group = uniqueName('group');
    const sink = new TestSink();
    const side = await connected({ metadataMaxAgeMs: 1_500 });
    await side.consume(group, [topic, sink, { startFrom: 'new' }]);
    await until('it has its partition', () => side.heard('partition:assigned').length === 1);
    await grow(topic, 3);
    await foreignSend(topic, [{ value: 'early', partition: 2 }]);
    await until('what was sent before anybody noticed has come', () => sink.done.length === 1);
    expect(side.heard('partition:revoked')).toEqual([]);
  });

  it('begins with the oldest record when the one at its offset is deleted, and says so', async () => {
    const topic = await newTopic();
    await foreignSend(topic, numbered(10));
    await withAdmin(async (admin) => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    });
    const sink = new TestSink();
    const side = await connected();
    await side.consume(uniqueName('group'), [topic, sink, { startFrom: { offsets: { 0: '4' } } }]);
    await until('what is left has come', () => sink.done.length === 4);
    expect(bodies(sink.done)).toEqual(['6', '7', '8', '9']);
    expect(side.heard('subscription:warned')).toEqual([
      expect.objectContaining({ topic, warning: expect.stringContaining('the oldest kept offset is 6') }),
    ]);
  });

  it('is refused to begin at an offset of a partition that the topic does not have', async () => {
    const topic = await newTopic(2);
    const side = await connected();
    const startFrom = { offsets: { 0: '0', 2: '0' } };
    await expect(side.consume(uniqueName('group'), [topic, new TestSink(), { startFrom }])).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringContaining('names partition 2, but the topic has only 2'),
    });
  });

  it('goes on with what is left when its offset was deleted with its records', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(topic, numbered(10));
    const sink = new TestSink();
    const side = await connected();
    const first = await side.consume(group, [topic, sink, { startFrom: 'new' }]);
    await until('the start is committed', async () => (await committed(group, topic)).get(0)?.offset === 10);
    await first.close();
    await foreignSend(topic, numbered(10, 10));
    await withAdmin(async (admin) => {
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '15' }] });
    });
    await side.consume(group, [topic, sink, { startFrom: 'new' }]);
    await until('the rest has come', () => sink.done.length === 5);
    expect(bodies(sink.done)).toEqual(['15', '16', '17', '18', '19']);
  });
});

describe('what is committed', () => {
  it('never passes a message that is not settled, and is the end when all are', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(20).map((record, index) => ({ ...record, key: `k${index}` })),
    );
    const latch = new Latch();
    const sink = new TestSink(({ body }) => (String(body) === '7' ? latch.wait() : undefined));
    await (await connected()).consume(group, [topic, sink]);
    await until('all others are done', () => sink.done.length === 19);
    await until('the commit stands before it', async () => (await committed(group, topic)).get(0)?.offset === 7);
    latch.open();
    await until('the commit is the end', async () => (await committed(group, topic)).get(0)?.offset === 20);
  });

  it('walks over the gaps of a compacted topic', async () => {
    const topic = await newTopic(1, {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.01',
      'segment.ms': '100',
      'max.compaction.lag.ms': '100',
      'delete.retention.ms': '0',
    });
    const group = uniqueName('group');
    for (let round = 0; round < 4; round++) {
      await foreignSend(
        topic,
        ['a', 'b', 'c'].map((key) => ({ key, value: `${key}${round}` })),
      );
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    const sink = new TestSink();
    await (await connected()).consume(group, [topic, sink]);
    await until('the last ones have come', () => ['a3', 'b3', 'c3'].every((body) => bodies(sink.done).includes(body)));
    await until('the commit is the end', async () => (await committed(group, topic)).get(0)?.offset === 12);
  });

  it('passes the markers of transactions, so that nothing seems to be left', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    const producer = foreign().producer({
      transactionalId: uniqueName('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    afterwards(() => producer.disconnect());
    for (const [value, end] of [
      ['kept', 'commit'],
      ['dropped', 'abort'],
      ['kept too', 'commit'],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value }] });
      await transaction[end]();
    }
    const sink = new TestSink();
    await (await connected()).consume(group, [topic, sink]);
    await until('the committed ones have come', () => sink.done.length === 2);
    expect(bodies(sink.done)).toEqual(['kept', 'kept too']);
    await until('the commit is the end', async () => (await committed(group, topic)).get(0)?.offset === 6);
  });
});

describe('slow handlers', () => {
  it('do not cost the member its place in the group', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(600).map((record, index) => ({ ...record, key: String(index), partition: index % 2 })),
    );
    const latch = new Latch();
    const sink = new TestSink(() => latch.wait(), 50);
    const side = await connected({ sessionTimeoutMs: 3_000, heartbeatIntervalMs: 300, rebalanceTimeoutMs: 6_000 });
    await side.consume(group, [topic, sink]);
    await until('it is full', () => sink.received.length >= 50);
    // n.b. longer than the session.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(side.heard('partition:revoked')).toEqual([]);
    latch.open();
    await until('all are done', () => sink.done.length === 600);
    expect(new Set(sink.doneIds).size).toBe(600);
    expect(sink.received).toHaveLength(600);
    expect(side.heard('subscription:crashed')).toEqual([]);
  });

  it('of one topic do not hold up another topic of the same group', async () => {
    const [slow, fast] = [await newTopic(), await newTopic()];
    await foreignSend(slow, numbered(1_000));
    const latch = new Latch();
    const [slowSink, fastSink] = [new TestSink(() => latch.wait(), 10), new TestSink()];
    const side = await connected();
    await side.consume(uniqueName('group'), [slow, slowSink, { maxInFlight: 10 }], [fast, fastSink]);
    await until('the slow one is full', () => slowSink.received.length >= 10);
    await foreignSend(fast, numbered(3));
    await until('the fast one goes on', () => fastSink.done.length === 3);
    latch.open();
    await until('the slow one ends', () => slowSink.done.length === 1_000);
    expect(bodies(slowSink.done)).toEqual(numbered(1_000).map(({ value }) => value));
  });

  it('never get more than maxInFlight at a time while they say that they are full', async () => {
    const topic = await newTopic();
    await foreignSend(
      topic,
      numbered(2_000).map((record, index) => ({ ...record, key: String(index) })),
    );
    let [running, most] = [0, 0];
    const sink = new TestSink(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    }, 40);
    await (await connected()).consume(uniqueName('group'), [topic, sink, { maxInFlight: 40 }]);
    await until('all are done', () => sink.done.length === 2_000);
    expect(most).toBeLessThan(80);
  });
});

describe('a message that is not settled', () => {
  it('stops its partition at maxUncommitted, once and audibly, and not the others; settled, it goes on', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(300).map((record, index) => ({ ...record, key: String(index), partition: index % 2 })),
    );
    const latch = new Latch();
    const sink = new TestSink(({ body }) => (String(body) === '20' ? latch.wait() : undefined));
    const side = await connected({ maxUncommitted: 50 });
    await side.consume(group, [topic, sink, { maxInFlight: 50 }]);
    await until('it has stopped', () => side.heard('partition:stalled').length === 1);
    await until(
      'the other partition is done',
      () => sink.done.filter(({ partition }) => partition === 1).length === 150,
    );
    // Offsets 0 to 9 are done and committed, 10 is not, and 49 after it may be.
    await until('what may be done is done', () => sink.done.length === 150 + 10 + 49);
    expect(side.heard('partition:stalled')).toMatchObject([{ topic, group, partition: 0, unsettledOffset: '10' }]);
    expect(side.connection.health()).toMatchObject({
      status: 'degraded',
      problems: [expect.stringContaining('offset 10')],
    });
    latch.open();
    await until('all are done', () => sink.done.length === 300);
    expect(side.heard('partition:unstalled')).toHaveLength(1);
    expect(side.heard('partition:stalled')).toHaveLength(1);
    expect(side.connection.health()).toEqual({ status: 'up', problems: [] });
    expect(new Set(sink.doneIds).size).toBe(300);
  });

  it('comes again with the number of its attempt when its process is gone', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(5).map((record, index) => ({ ...record, key: `k${index}` })),
    );
    const parking = new TestSink((delivery) => {
      if (String(delivery.body) !== '2') return undefined;
      delivery.park(delivery.attempt + 2, 60_000);
      return false;
    });
    const first = await connected();
    await first.consume(group, [topic, parking]);
    await until('the count is committed', async () =>
      /a=/.test((await committed(group, topic)).get(0)?.metadata ?? ''),
    );
    await first.connection.close();
    const sink = new TestSink();
    await (await connected()).consume(group, [topic, sink]);
    await until('it has come', () => sink.done.length >= 1);
    expect(sink.done.map(({ body, attempt }) => [String(body), attempt])).toEqual([['2', 3]]);
    await until('the commit is the end', async () => (await committed(group, topic)).get(0)?.offset === 5);
  });

  it('is the only one that comes again after a clean end: what was done behind it is known', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(400).map((record, index) => ({ ...record, key: `k${index}` })),
    );
    const open = new Set(['10', '11', '200']);
    const first = await connected();
    const leaving = new TestSink(({ body }) => (open.has(String(body)) ? false : undefined));
    const consumption = await first.consume(group, [topic, leaving]);
    await until('the others are done', () => leaving.done.length === 397);
    await consumption.stop();
    await consumption.close();
    await foreignSend(topic, numbered(5, 400));
    const sink = new TestSink();
    await (await connected()).consume(group, [topic, sink]);
    await until('the rest has come', () => sink.done.length >= 8);
    expect(bodies(sink.done).sort()).toEqual(['10', '11', '200', '400', '401', '402', '403', '404']);
    await until('the commit is the end', async () => (await committed(group, topic)).get(0)?.offset === 405);
  });

  it('comes again after the delay it was given back with', async () => {
    const topic = await newTopic();
    await foreignSend(
      topic,
      numbered(2).map((record, index) => ({ ...record, key: `k${index}` })),
    );
    const attempts: [string, number][] = [];
    const sink = new TestSink((delivery) => {
      attempts.push([String(delivery.body), delivery.attempt]);
      if (delivery.attempt > 1 || String(delivery.body) !== '0') return undefined;
      delivery.settle({ kind: 'nack', delayMs: 20 });
      return false;
    });
    await (await connected()).consume(uniqueName('group'), [topic, sink]);
    await until('it has come again', () => sink.done.length === 2);
    expect(attempts).toEqual([
      ['0', 1],
      ['1', 1],
      ['0', 2],
    ]);
  });
});

describe('topics that come and go', () => {
  it('a topic that is deleted stops no other, leaks nothing, and is read again when it is back', async () => {
    const [gone, other] = [await newTopic(), await newTopic()];
    const [goneSink, otherSink] = [new TestSink(), new TestSink()];
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    afterwards(() => Promise.resolve(process.off('warning', listen)));
    const side = await connected();
    await side.consume(uniqueName('group'), [gone, goneSink], [other, otherSink]);
    await foreignSend(gone, numbered(1));
    await until('it is read', () => goneSink.done.length === 1);
    await withAdmin((admin) => admin.deleteTopics({ topics: [gone] }));
    await until('it is missed', () =>
      side.connection
        .health()
        .problems.some((problem) => problem.includes(`"${gone}"`) && problem.includes('does not exist')),
    );
    await foreignSend(other, numbered(3));
    await until('the other is read', () => otherSink.done.length === 3);
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic: gone, numPartitions: 1 }] }));
    await foreignSend(gone, numbered(2, 10));
    await until('it is read again', () => goneSink.done.length === 3);
    expect(side.connection.health()).toEqual({ status: 'up', problems: [] });
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
  });

  it('refuses to start on a topic that does not exist', async () => {
    const topic = uniqueName('missing');
    const side = await connected();
    await expect(side.consume(uniqueName('group'), [topic, new TestSink()])).rejects.toMatchObject({
      code: 'TRANSPORT_TOPIC_MISSING',
      topic,
    });
  });
});

describe('the end of intake', () => {
  it('hands over nothing after stop, and still commits what is settled then', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(
      topic,
      numbered(10).map((record, index) => ({ ...record, key: `k${index}` })),
    );
    const latch = new Latch();
    const sink = new TestSink(() => latch.wait());
    const side = await connected();
    const consumption = await side.consume(group, [topic, sink]);
    await until('all have come', () => sink.received.length === 10);
    await consumption.stop();
    await consumption.stop();
    await foreignSend(topic, numbered(5, 10));
    latch.open();
    await until('all are done', () => sink.done.length === 10);
    await Promise.all([consumption.close(), consumption.close()]);
    expect((await committed(group, topic)).get(0)?.offset).toBe(10);
    expect(sink.received).toHaveLength(10);
    await side.connection.close();
  });

  it('makes late settlements no-ops', async () => {
    const topic = await newTopic();
    const group = uniqueName('group');
    await foreignSend(topic, numbered(3));
    const sink = new TestSink(() => false);
    const consumption = await (await connected()).consume(group, [topic, sink]);
    await until('one has come', () => sink.received.length === 3);
    await consumption.close();
    expect(sink.received.map((delivery) => delivery.settle({ kind: 'ack' }))).toEqual([false, false, false]);
    expect((await committed(group, topic)).get(0)?.offset ?? -1).toBeLessThanOrEqual(0);
  });
});

describe('large batches', () => {
  it('reads a compressed batch of many records', async () => {
    const topic = await newTopic();
    const producer = foreign().producer();
    await producer.connect();
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages: numbered(8_000) });
    await producer.disconnect();
    const sink = new TestSink();
    await (await connected()).consume(uniqueName('group'), [topic, sink, { ordering: 'none' }]);
    await until('all are done', () => sink.done.length === 8_000);
    expect(message(topic).topic).toBe(topic);
  });
});

describe('the messages that wait for a consumption', () => {
  it('are counted by subscription: none when all have come, all that come after it was stopped, unknown for a member without a partition', async () => {
    const [quiet, busy] = [await newTopic(2), await newTopic()];
    const group = uniqueName('group');
    const [quietSink, busySink] = [new TestSink(), new TestSink()];
    const first = await connected();
    const consumption = await first.consume(group, [busy, busySink], [quiet, quietSink]);
    await foreignSend(busy, numbered(3));
    await until('they have come', () => busySink.done.length === 3);
    await until('none waits', async () => JSON.stringify(await consumption.waiting?.()) === '[0,0]');
    await consumption.stop();
    await foreignSend(busy, numbered(5));
    await foreignSend(
      quiet,
      [0, 1, 1].map((partition) => ({ value: 'x', partition })),
    );
    await until('they are counted', async () => JSON.stringify(await consumption.waiting?.()) === '[5,3]');
    const third = await (await connected()).consume(group, [busy, new TestSink()]);
    const all = [await consumption.waiting?.(), await third.waiting?.()].map((counts) => counts?.at(0));
    expect(all).toContain(undefined);
  });
});
