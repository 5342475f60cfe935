import { Socket } from 'node:net';
import { Module } from '@nestjs/common';
import {
  createTransportApp,
  isTransportError,
  Publisher,
  TransportModule,
  type ErrorCode,
  type PublishReceipt,
  type SendResult,
} from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import {
  afterwards,
  closeAll,
  connected,
  foreign,
  KafkaProxy,
  message,
  newTopic,
  sharedBrokers,
  Side,
  stored,
  uniqueName,
  withAdmin,
} from './support.js';

afterEach(closeAll);

const codes = (results: readonly SendResult[]): (ErrorCode | 'stored')[] =>
  results.map((result) => (isTransportError(result) ? result.code : 'stored'));

/** Breaks connections after a produce request was written and before its answer is read, on sockets made from now on. */
function breakConnections(): { next(): void } {
  const write = Socket.prototype.write as (...args: unknown[]) => boolean;
  let armed = false;
  const patched = function (this: Socket, ...args: unknown[]): boolean {
    if (armed && isProduce(args[0])) {
      armed = false;
      this.removeAllListeners('data').pause();
      setTimeout(() => this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })), 60);
    }
    return write.apply(this, args);
  };
  Object.assign(Socket.prototype, { write: patched });
  afterwards(() => Promise.resolve(Object.assign(Socket.prototype, { write })));
  return { next: () => void (armed = true) };
}

const isProduce = (data: unknown): boolean => Buffer.isBuffer(data) && data.length > 6 && data.readInt16BE(4) === 0;

describe('publishing to Kafka', () => {
  it('tells partition and offset of each message, in the order given', async () => {
    const topic = await newTopic(3);
    const side = await connected();
    const results = await side.send(...[2, 0, 2, 1, 2].map((partition) => message(topic, { partition })));
    expect((results as PublishReceipt[]).map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, '0'],
      [0, '0'],
      [2, '1'],
      [1, '0'],
      [2, '2'],
    ]);
  });

  it('tells that a message may be stored whose answer was lost, although the topic is refused afterwards', async () => {
    const topic = await newTopic();
    const proxy = await KafkaProxy.start();
    const side = await connected({ brokers: proxy.brokers });
    await side.send(message(topic, { body: Buffer.from('first') }));
    const TOPIC_AUTHORIZATION_FAILED = 29;
    proxy.loseNextAnswer();
    proxy.topicErrors.set(topic, TOPIC_AUTHORIZATION_FAILED);
    const [result] = await side.send(message(topic, { body: Buffer.from('second') }));
    expect(result).toMatchObject({ code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown' });
    expect((await stored(topic)).map(({ value }) => value)).toEqual(['first', 'second']);
  });

  it('sends one key to the partition where kafkajs and the Java client send it', async () => {
    const topic = await newTopic(7);
    const side = await connected();
    const keys = ['a', 'order-17', 'ключ', 'x'.repeat(70), ''];
    const results = (await side.send(...keys.map((key) => message(topic, { key })))) as PublishReceipt[];
    const other = foreign().producer();
    await other.connect();
    for (const [index, key] of keys.entries()) {
      const [place] = await other.send({ topic, messages: [{ key, value: 'x' }] });
      expect([key, results[index]?.partition]).toEqual([key, place?.partition]);
    }
    await other.disconnect();
  });

  it('stores a tombstone, an empty body, bytes that are no text, and messages without a key', async () => {
    const topic = await newTopic();
    const side = await connected();
    const bodies = [null, Buffer.alloc(0), Buffer.from([0xff, 0, 0xfe])];
    const results = await side.send(...bodies.map((body) => message(topic, { body, headers: undefined })));
    expect(codes(results)).toEqual(['stored', 'stored', 'stored']);
    expect((await stored(topic)).map(({ value }) => value)).toEqual([undefined, '', '\ufffd\0\ufffd']);
  });

  it('refuses a partition that does not exist and stores its neighbours, where kafkajs says nothing at all', async () => {
    const topic = await newTopic(2);
    const side = await connected();
    const results = await side.send(
      message(topic, { partition: 0 }),
      message(topic, { partition: 9 }),
      message(topic, { partition: 1 }),
    );
    expect(codes(results)).toEqual(['stored', 'TRANSPORT_PARTITION_MISSING', 'stored']);
    expect(results[1]).toMatchObject({
      stored: 'no',
      message: expect.stringContaining('partition 9, but the topic has 2 (0 to 1)'),
    });
    expect(await stored(topic)).toHaveLength(2);
    expect(() => side.connection.producer.check(message(topic, { partition: 9 }))).toThrow(
      'TRANSPORT_PARTITION_MISSING',
    );
  });

  it('stores in a partition that was added after the producer looked', async () => {
    const topic = await newTopic(1);
    const side = await connected();
    await side.send(message(topic, { partition: 0 }));
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    const results = await side.send(message(topic, { partition: 2 }), message(topic, { partition: 0 }));
    expect((results as PublishReceipt[]).map(({ partition, offset }) => [partition, offset])).toEqual([
      [2, '0'],
      [0, '1'],
    ]);
  });

  it('hurts nobody but the partition of a message that the broker finds too large, and stores nothing twice', async () => {
    const topic = await newTopic(3, { 'max.message.bytes': '5000' });
    const side = await connected();
    const large = message(topic, { partition: 1, body: Buffer.alloc(6_000, 'x') });
    const results = await side.send(
      message(topic, { partition: 0 }),
      large,
      message(topic, { partition: 1 }),
      message(topic, { partition: 2 }),
    );
    expect(codes(results)).toEqual(['stored', 'TRANSPORT_BATCH_REJECTED', 'TRANSPORT_BATCH_REJECTED', 'stored']);
    expect(codes(await side.send(large))).toEqual(['TRANSPORT_MESSAGE_TOO_LARGE']);
    expect(codes(await side.send(message(topic, { partition: 1 })))).toEqual(['stored']);
    expect((await stored(topic)).map(({ partition }) => partition).sort()).toEqual([0, 1, 2]);
  });

  it('does not say "not stored" of what may be stored, where idempotence is switched off', async () => {
    const topic = await newTopic(2, { 'max.message.bytes': '5000' });
    const side = await connected({ idempotent: false });
    const large = message(topic, { partition: 1, body: Buffer.alloc(6_000, 'x') });
    expect(await side.send(message(topic, { partition: 0 }), large)).toMatchObject([
      { code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown' },
      { code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown' },
    ]);
    expect(codes(await side.send(large))).toEqual(['TRANSPORT_MESSAGE_TOO_LARGE']);
  });

  it('refuses a message without a key for a compacted topic at once, and stores those behind it', async () => {
    const topic = await newTopic(1, { 'cleanup.policy': 'compact' });
    @Module({
      imports: [
        TransportModule.forRoot({ service: 'compact', broker: kafka({ brokers: sharedBrokers() }), logger: false }),
      ],
    })
    class App {}
    const app = await createTransportApp(App, { http: false, logger: false, exitOnSignal: false });
    afterwards(() => app.close());
    await app.listen();
    const publisher = app.get(Publisher);
    const startedAt = Date.now();
    const [refused, ...behind] = await Promise.allSettled(
      [undefined, 'a', 'b'].map((key) => publisher.publish(topic, key ?? 'none', key === undefined ? {} : { key })),
    );
    expect(refused).toMatchObject({ reason: { code: 'TRANSPORT_PUBLISH_FAILED', stored: 'no', retryable: false } });
    expect(behind.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect((await stored(topic)).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('keeps the success of other topics when one refuses its message', async () => {
    const [small, large] = [await newTopic(1, { 'max.message.bytes': '5000' }), await newTopic(1)];
    const side = await connected();
    const body = Buffer.alloc(6_000, 'x');
    const results = await side.send(message(small, { body }), message(large, { body }));
    expect(codes(results)).toEqual(['TRANSPORT_MESSAGE_TOO_LARGE', 'stored']);
    expect(await stored(large)).toHaveLength(1);
  });

  it.each([
    ['', 'empty'],
    ['.', 'reserves'],
    ['a'.repeat(250), '250 characters'],
    ['order created', 'contains " "'],
    ['größe', 'contains "ö"'],
  ])('refuses topic %j, which Kafka would refuse', async (topic, why) => {
    const { producer } = new Side().connection;
    expect(() => producer.check(message(topic))).toThrow(new RegExp(`${why}.*TRANSPORT_TOPIC_INVALID`, 's'));
  });

  it('says at once that a topic is missing, and stores what goes elsewhere', async () => {
    const topic = await newTopic();
    const missing = uniqueName('missing');
    const side = await connected();
    const began = Date.now();
    const results = await side.send(message(topic), message(missing), message(topic));
    expect(codes(results)).toEqual(['stored', 'TRANSPORT_TOPIC_MISSING', 'stored']);
    expect(results[1]).toMatchObject({ stored: 'no', topic: missing });
    expect(Date.now() - began).toBeLessThan(3_000);
  });

  it('stores in a new topic after one that it knew was deleted, where kafkajs stays poisoned', async () => {
    const [gone, other] = [await newTopic(), await newTopic()];
    const side = await connected();
    expect(codes(await side.send(message(gone), message(other)))).toEqual(['stored', 'stored']);
    await withAdmin((admin) => admin.deleteTopics({ topics: [gone] }));
    const fresh = await newTopic();
    expect(codes(await side.send(message(fresh), message(other)))).toEqual(['stored', 'stored']);
    expect(codes(await side.send(message(gone)))).toEqual(['TRANSPORT_TOPIC_MISSING']);
  });

  it('creates missing topics where it was asked to, with the settings given', async () => {
    const topic = uniqueName('made');
    const side = await connected({ provision: { partitions: 4, config: { 'retention.ms': '60000' } } });
    await side.connection.ensureTopics([topic], 'publish');
    await side.connection.ensureTopics([topic], 'publish');
    const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    expect(topics[0]?.partitions).toHaveLength(4);
    const byDefault = uniqueName('made');
    await (await connected({ provision: {} })).connection.ensureTopics([byDefault], 'publish');
    expect(codes(await side.send(message(byDefault)))).toEqual(['stored']);
  });

  it('creates a missing topic when it publishes, where provision is set', async () => {
    const [first, second] = [uniqueName('made'), uniqueName('made')];
    const existing = await newTopic();
    const side = await connected({ provision: { partitions: 3 } });
    const results = await side.send(message(first), message(existing), message(second), message(first));
    expect(codes(results)).toEqual(['stored', 'stored', 'stored', 'stored']);
    const { topics } = await withAdmin((admin) => admin.fetchTopicMetadata({ topics: [first, second] }));
    expect(topics.map(({ partitions }) => partitions.length)).toEqual([3, 3]);
  });

  it('stores what goes elsewhere when a topic cannot be created', async () => {
    const [topic, missing] = [await newTopic(), uniqueName('made')];
    const side = await connected({ provision: { replicationFactor: 99 } });
    const results = await side.send(message(missing), message(topic));
    expect(results[0]).toMatchObject({
      stored: 'no',
      topic: missing,
      message: expect.stringContaining('INVALID_REPLICATION_FACTOR'),
    });
    expect(codes(results.slice(1))).toEqual(['stored']);
  });

  it('refuses to start without a topic where it may not create it, and says how to', async () => {
    const topic = uniqueName('missing');
    const side = await connected();
    await expect(side.connection.ensureTopics([topic], 'publish')).rejects.toMatchObject({
      code: 'TRANSPORT_TOPIC_MISSING',
      message: expect.stringMatching(new RegExp(`"${topic}" does not exist.*provision`)),
    });
  });

  it('stores each message of concurrent sends once when the connection breaks before the answer', async () => {
    const topic = await newTopic();
    const connection = breakConnections();
    const side = await connected();
    await side.send(message(topic));
    for (let round = 0; round < 3; round++) {
      connection.next();
      const results = await Promise.all([1, 2, 3].map(() => side.send(message(topic))));
      expect(codes(results.flat())).toEqual(['stored', 'stored', 'stored']);
    }
    const values = (await stored(topic)).map(({ value }) => value);
    expect([new Set(values).size, values.length]).toEqual([10, 10]);
  });

  it('refuses what comes after its end', async () => {
    const topic = await newTopic();
    const side = await connected();
    await side.connection.close();
    await side.connection.close();
    expect(codes(await side.send(message(topic)))).toEqual(['TRANSPORT_CLOSED']);
  });
});
