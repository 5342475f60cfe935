import { setTimeout as pause } from 'node:timers/promises';
import { jetstreamManager, type ConsumerConfig, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  type Consumption,
  type Delivery,
  type DeliverySink,
  type NoticeName,
  type OutgoingMessage,
  type Subscription,
} from 'nest-transport';
import { nats, type NatsOptions } from 'nest-transport/nats';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { ACK, DriverSide, afterwards, until, type Treat } from '../driver-support.js';

export { uniqueName } from '../../tools/brokers/names.mjs';
export { afterwards, closeAll, until, type Treat } from '../driver-support.js';

export const sharedUrl = (): string => process.env['NATS_URL'] ?? '';

const WATCHED = [
  'broker:connected',
  'broker:unreachable',
  'broker:warned',
  'settlement:failed',
  'subscription:crashed',
  'subscription:recovered',
  'partition:stalled',
  'partition:unstalled',
  'subscription:warned',
] as const satisfies NoticeName[];

/** A connection of the driver under test, with a record of its notices. */
export class Side extends DriverSide {
  constructor(options: Partial<NatsOptions> = {}) {
    super(
      (host) =>
        nats({ servers: [sharedUrl()], ...(options.mode === 'core' ? {} : { provision: {} }), ...options }).open(host),
      WATCHED,
    );
  }

  consume(topic: string, group: string, sink: DeliverySink, more: Partial<Subscription> = {}): Promise<Consumption> {
    return this.connection.consume([{ subscription: subscription(topic, group, more), sink }]);
  }
}

export const connected = (options: Partial<NatsOptions> = {}): Promise<Side> => new Side(options).connect();

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
  const id = `${uniqueName('m')}-${++messages}`;
  return { topic, id, key: undefined, body: Buffer.from(id), headers: undefined, partition: undefined, ...more };
}

export const manyMessages = (count: number, topic: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage[] =>
  Array.from({ length: count }, () => message(topic, more));

/** A sink as simple as it can be: `concurrency` at a time in the order they came, and room for `maxInFlight`. */
export class TestSink implements DeliverySink {
  readonly received: Delivery[] = [];
  /** Settled, by this sink and in this order. */
  readonly done: Delivery[] = [];
  revokes = 0;
  readonly #treat: Treat;
  readonly #maxInFlight: number;
  readonly #concurrency: number;
  readonly #queue: Delivery[] = [];
  #running = 0;
  #room: (() => void)[] = [];

  constructor(treat: Treat = () => undefined, { maxInFlight = 256, concurrency = 256 } = {}) {
    this.#treat = treat;
    this.#maxInFlight = maxInFlight;
    this.#concurrency = concurrency;
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.received.push(...deliveries);
    this.#queue.push(...deliveries);
    this.#work();
    if (this.#inFlight >= this.#maxInFlight) return new Promise((resolve) => this.#room.push(resolve));
  }

  revoked(): void {
    this.revokes++;
  }

  get doneIds(): string[] {
    return this.done.map(({ id }) => id);
  }

  get #inFlight(): number {
    return this.#queue.length + this.#running;
  }

  #work(): void {
    while (this.#running < this.#concurrency && this.#queue.length > 0) {
      this.#running++;
      void this.#run(this.#queue.shift() as Delivery).finally(() => {
        this.#running--;
        if (this.#inFlight < this.#maxInFlight) for (const tell of this.#room.splice(0)) tell();
        this.#work();
      });
    }
  }

  async #run(delivery: Delivery): Promise<void> {
    if (delivery.state !== 'queued') return;
    delivery.state = 'running';
    const settles = await this.#treat(delivery);
    if (settles !== false && delivery.settle(ACK)) this.done.push(delivery);
  }
}

/** A connection of nobody's but the test's: what a foreign program would do. */
export async function foreign(url = sharedUrl()): Promise<NatsConnection> {
  const connection = await connect({ servers: url, name: 'foreign' });
  afterwards(() => connection.close());
  return connection;
}

export const manager = async (url = sharedUrl()): Promise<JetStreamManager> => jetstreamManager(await foreign(url));

/** A stream of a test's own, made by a foreign program. */
export async function newStream(subjects: readonly string[], config: object = {}, url = sharedUrl()): Promise<string> {
  const name = uniqueName('stream');
  const jsm = await manager(url);
  await jsm.streams.add({ name, subjects: [...subjects], ...config });
  return name;
}

export async function storedIn(stream: string, url = sharedUrl()): Promise<number> {
  return (await (await manager(url)).streams.info(stream)).state.messages;
}

/** The consumer that a subscription made, with the name of its stream. */
export async function onlyConsumerOf(topic: string, url = sharedUrl()) {
  const jsm = await manager(url);
  const stream = await jsm.streams.find(topic);
  const infos = await jsm.consumers.list(stream).next();
  const [info] = infos;
  if (info === undefined || infos.length > 1) throw new Error(`"${topic}" has ${infos.length} consumers`);
  return { jsm, stream, info };
}

export const newConsumer = async (stream: string, config: Partial<ConsumerConfig>, url = sharedUrl()): Promise<void> =>
  void (await (await manager(url)).consumers.add(stream, config));

/** Stops a server in the middle of whatever it does, as a machine does that hangs; it has stopped when this resolves. */
export async function freeze({ pid, url }: { readonly pid: number; readonly url: string }): Promise<() => void> {
  const connection = await foreign(url);
  process.kill(pid, 'SIGSTOP');
  // n.b. a signal reaches the threads of a busy machine a moment later.
  const answers = (): Promise<boolean> => Promise.race([connection.flush().then(() => true), pause(100, false)]);
  await until('the server is silent', async () => !(await answers()));
  const thaw = (): void => void process.kill(pid, 'SIGCONT');
  afterwards(async () => thaw());
  return thaw;
}
