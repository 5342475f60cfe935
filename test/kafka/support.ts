import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Kafka, logLevel, type Admin, type IHeaders } from 'kafkajs';
import {
  type Consumption,
  type Delivery,
  type DeliverySink,
  type NoticeName,
  type OutgoingMessage,
  type Subscription,
} from 'nest-transport';
import { kafka, type KafkaOptions } from 'nest-transport/kafka';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { ACK, DriverSide, afterwards, until, type Treat } from '../driver-support.js';

export { uniqueName } from '../../tools/brokers/names.mjs';
export { afterwards, closeAll, until, type Treat } from '../driver-support.js';

export const sharedBrokers = (): string[] => (process.env['KAFKA_BROKERS'] ?? '').split(',');

const WATCHED = [
  'broker:connected',
  'broker:unreachable',
  'subscription:crashed',
  'subscription:recovered',
  'partition:stalled',
  'subscription:warned',
  'partition:unstalled',
  'partition:assigned',
  'partition:revoked',
  'commit:failed',
  'settlement:failed',
] as const satisfies NoticeName[];

/** A connection of the driver under test, with a record of its notices. */
export class Side extends DriverSide {
  constructor(options: Partial<KafkaOptions> = {}) {
    super((host) => kafka({ brokers: sharedBrokers(), commitIntervalMs: 50, ...options }).open(host), WATCHED);
  }

  consume(
    group: string,
    ...pairs: [topic: string, sink: DeliverySink, more?: Partial<Subscription>][]
  ): Promise<Consumption> {
    return this.connection.consume(
      pairs.map(([topic, sink, more]) => ({ subscription: subscription(topic, group, more), sink })),
    );
  }
}

export const connected = (options: Partial<KafkaOptions> = {}): Promise<Side> => new Side(options).connect();

export const subscription = (topic: string, group: string, more: Partial<Subscription> = {}): Subscription => ({
  topic,
  group,
  delivery: 'group',
  startFrom: 'beginning',
  ordering: 'key',
  concurrency: 16,
  maxInFlight: 256,
  ...more,
});

let messages = 0;

export function message(topic: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const id = `m-${++messages}`;
  return {
    topic,
    id,
    key: undefined,
    body: Buffer.from(id),
    headers: { 'message-id': id },
    partition: undefined,
    ...more,
  };
}

/** A sink as simple as it can be: one at a time per key, everything side by side, and room for `maxInFlight`. */
export class TestSink implements DeliverySink {
  readonly received: Delivery[] = [];
  /** Settled, by this sink and in this order. */
  readonly done: Delivery[] = [];
  revokes = 0;
  readonly #treat: Treat;
  readonly #maxInFlight: number;
  readonly #lanes = new Map<string, Promise<void>>();
  #inFlight = 0;
  #room: (() => void)[] = [];

  constructor(treat: Treat = () => undefined, maxInFlight = 256) {
    this.#treat = treat;
    this.#maxInFlight = maxInFlight;
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    for (const delivery of deliveries) this.#enter(delivery);
    if (this.#inFlight >= this.#maxInFlight) return new Promise((resolve) => this.#room.push(resolve));
  }

  revoked(): void {
    this.revokes++;
  }

  get doneIds(): string[] {
    return this.done.map(({ id }) => id);
  }

  #enter(delivery: Delivery): void {
    this.received.push(delivery);
    this.#inFlight++;
    const lane = delivery.key ?? `stream ${delivery.stream}`;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const run = before.then(() => this.#run(delivery));
    this.#lanes.set(lane, run);
  }

  async #run(delivery: Delivery): Promise<void> {
    if (delivery.state === 'queued') {
      delivery.state = 'running';
      const settles = await this.#treat(delivery);
      if (settles !== false && delivery.settle(ACK)) this.done.push(delivery);
    }
    this.#inFlight--;
    if (this.#inFlight < this.#maxInFlight) for (const tell of this.#room.splice(0)) tell();
  }
}

/** A Kafka client of nobody's but the test's: what a foreign program would do. */
export const foreign = (brokers: string[] = sharedBrokers()): Kafka =>
  new Kafka({ brokers, clientId: 'foreign', logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 10 } });

export async function withAdmin<Result>(
  use: (admin: Admin) => Promise<Result>,
  brokers = sharedBrokers(),
): Promise<Result> {
  const admin = foreign(brokers).admin();
  await admin.connect();
  return use(admin).finally(() => admin.disconnect());
}

export async function newTopic(
  partitions = 1,
  config: Record<string, string> = {},
  brokers = sharedBrokers(),
): Promise<string> {
  const topic = uniqueName('kafka');
  await createTopic(brokers, topic, partitions, config);
  return topic;
}

export async function createTopic(
  brokers: string[],
  topic: string,
  partitions: number,
  config: Record<string, string> = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await withAdmin(async (admin) => {
    // n.b. kafkajs' own wait ends with an error when a busy broker does not show the topic at once.
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }], waitForLeaders: false });
    await untilShown(admin, topic, partitions);
  }, brokers);
}

/** Adds partitions, and waits until the brokers show them. */
export async function grow(topic: string, count: number, brokers = sharedBrokers()): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await untilShown(admin, topic, count);
  }, brokers);
}

async function untilShown(admin: Admin, topic: string, count: number): Promise<void> {
  const shown = async (): Promise<boolean> => {
    const found = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
    return found?.topics[0]?.partitions.length === count;
  };
  await until(`topic "${topic}" has ${count} partitions`, shown);
}

export interface ForeignMessage {
  key?: string | Buffer | null;
  value: string | Buffer | null;
  headers?: IHeaders;
  partition?: number;
}

/**
 * Stores each record once. n.b. a broker shows a new partition before it takes records for it. kafkajs then sends the
 * whole request again, with what other partitions have stored of it; only an idempotent producer leaves no copies.
 */
export async function foreignSend(topic: string, records: ForeignMessage[], brokers = sharedBrokers()): Promise<void> {
  const producer = foreign(brokers).producer({
    idempotent: true,
    createPartitioner:
      () =>
      ({ message: { partition } }) =>
        partition ?? 0,
  });
  await producer.connect();
  const sent = await producer.send({ topic, messages: records as never }).finally(() => producer.disconnect());
  // n.b. kafkajs says nothing about partitions that it does not know.
  const wanted = new Set(records.map(({ partition }) => partition ?? 0));
  if (sent.length !== wanted.size) throw new Error(`only ${sent.length} of ${wanted.size} partitions were written`);
}

/** What lies on a topic, each record once. */
export async function stored(topic: string, brokers = sharedBrokers()) {
  const ends = await withAdmin((admin) => admin.fetchTopicOffsets(topic), brokers);
  const left = new Map(
    ends.filter(({ low, high }) => low !== high).map(({ partition, high }) => [partition, Number(high)]),
  );
  const found: { partition: number; offset: string; key: string | undefined; value: string | undefined }[] = [];
  if (left.size === 0) return found;
  const consumer = foreign(brokers).consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const read = new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: ({ partition, message: { offset, key, value } }) => {
        found.push({ partition, offset, key: key?.toString(), value: value?.toString() });
        if (Number(offset) + 1 >= (left.get(partition) ?? 0)) left.delete(partition);
        if (left.size === 0) resolve();
        return Promise.resolve();
      },
    });
  });
  await read.finally(() => consumer.disconnect());
  return found;
}

export interface Committed {
  readonly offset: number;
  readonly metadata: string;
}

export async function committed(
  group: string,
  topic: string,
  brokers = sharedBrokers(),
): Promise<Map<number, Committed>> {
  const [found] = await withAdmin((admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }), brokers);
  return new Map(
    (found?.partitions ?? []).map(({ partition, offset, metadata }) => [
      partition,
      { offset: Number(offset), metadata: metadata ?? '' },
    ]),
  );
}

/** A handler that waits until the test says so. */
export class Latch {
  readonly #opened: Promise<void>;
  #open: () => void = () => undefined;

  constructor() {
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }

  wait(): Promise<void> {
    return this.#opened;
  }
}

const ADDRESS = '127.0.0.1';
const withPort = (port: number): Buffer => {
  const found = Buffer.alloc(2 + ADDRESS.length + 4);
  found.writeInt16BE(ADDRESS.length);
  found.write(ADDRESS, 2);
  found.writeInt32BE(port, 2 + ADDRESS.length);
  return found;
};

/** A broker as seen through a bad network: it shows itself in the cluster's metadata, so that a client talks to it alone. */
export class KafkaProxy {
  /** Kafka's error codes that metadata shows for topics. */
  readonly topicErrors = new Map<string, number>();
  /** The port of the node in the cluster's metadata. @default the proxy's own */
  advertisedPort: number | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#accept(client));
  readonly #port: number;
  #losesAnswer = false;

  private constructor(broker: string) {
    this.#port = Number(broker.split(':')[1]);
  }

  static async start(broker = sharedBrokers()[0] as string): Promise<KafkaProxy> {
    const proxy = new KafkaProxy(broker);
    await new Promise<void>((listening) => proxy.#server.listen(0, ADDRESS, listening));
    afterwards(() => proxy.#close());
    return proxy;
  }

  get brokers(): string[] {
    return [`${ADDRESS}:${this.#ownPort}`];
  }

  /** The next produce request reaches the broker; its answer is lost with the connection. */
  loseNextAnswer(): void {
    this.#losesAnswer = true;
  }

  get #ownPort(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    const broker = connect(this.#port, ADDRESS);
    let isLost = false;
    for (const socket of [client, broker]) this.#sockets.add(socket.on('error', () => undefined));
    client
      .on('close', () => broker.destroy())
      .on('data', (data: Buffer) => {
        isLost ||= this.#losesAnswer && data.readInt16BE(4) === 0;
        if (isLost) this.#losesAnswer = false;
        broker.write(data);
      });
    broker
      .on('close', () => client.destroy())
      .on('data', (data: Buffer) => {
        if (isLost) client.destroy();
        else client.write(this.#changed(data));
      });
  }

  /** n.b. answers about metadata are small here: each comes in one piece. */
  #changed(answer: Buffer): Buffer {
    const at = answer.indexOf(withPort(this.#port));
    if (at < 0) return answer;
    withPort(this.advertisedPort ?? this.#ownPort).copy(answer, at);
    for (const [topic, code] of this.topicErrors) {
      const name = answer.indexOf(topic);
      if (name > 0) answer.writeInt16BE(code, name - 4);
    }
    return answer;
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }
}
