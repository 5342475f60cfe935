import { setTimeout as pause } from 'node:timers/promises';
import {
  Notices,
  systemClock,
  type BrokerConnection,
  type Consumption,
  type Delivery,
  type DeliverySink,
  type NoticeMap,
  type NoticeName,
  type OutgoingMessage,
  type Subscription,
} from 'nest-transport';
import { nsq, type NsqOptions } from 'nest-transport/nsq';
import { NsqdAdmin, NsqProducer, type ChannelStats } from 'nest-transport/nsq/client';

export { uniqueName } from '../../tools/brokers/names.mjs';

export const sharedNsqd = (): string[] => (process.env['NSQD_TCP'] ?? '').split(',');
export const sharedHttp = (): string => (process.env['NSQD_HTTP'] ?? '').split(',')[0] ?? '';

const ACK = { kind: 'ack' } as const;

/** What is opened by a test and closed after it, last first. */
const opened: (() => Promise<unknown>)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export function afterwards(close: () => Promise<unknown>): void {
  opened.push(close);
}

const WATCHED = [
  'broker:connected',
  'broker:unreachable',
  'subscription:crashed',
  'subscription:recovered',
  'settlement:ignored',
  'settlement:failed',
  'broker:warned',
] as const satisfies NoticeName[];

/** A connection of the driver under test, with a record of what it told. */
export class Side {
  readonly notices = new Notices();
  readonly told: { name: NoticeName; notice: NoticeMap[NoticeName] }[] = [];
  readonly connection: BrokerConnection;

  constructor(options: Partial<NsqOptions> = {}) {
    for (const name of WATCHED) this.notices.on(name, (notice) => this.told.push({ name, notice }));
    const host = { service: 'test', broker: 'default', notices: this.notices, clock: systemClock };
    const where = options.lookupd === undefined ? { nsqd: sharedNsqd() } : {};
    this.connection = nsq({ ...where, ...options }).open(host);
    afterwards(() => this.connection.close());
  }

  async connect(): Promise<this> {
    await this.connection.connect(new AbortController().signal);
    return this;
  }

  heard<Name extends NoticeName>(name: Name): NoticeMap[Name][] {
    return this.told.filter((entry) => entry.name === name).map(({ notice }) => notice as NoticeMap[Name]);
  }

  send(...messages: OutgoingMessage[]) {
    return this.connection.producer.send(messages);
  }

  consume(topic: string, sink: DeliverySink, more: Partial<Subscription> = {}): Promise<Consumption> {
    return this.connection.consume([{ subscription: subscription(topic, more), sink }]);
  }
}

export const connected = (options: Partial<NsqOptions> = {}): Promise<Side> => new Side(options).connect();

export const subscription = (topic: string, more: Partial<Subscription> = {}): Subscription => ({
  topic,
  group: 'readers',
  delivery: 'group',
  startFrom: 'new',
  ordering: 'none',
  concurrency: 16,
  maxInFlight: 256,
  ...more,
});

let messages = 0;

export function message(topic: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  const id = more.id ?? `m-${++messages}`;
  const headers = { 'message-id': id };
  return { topic, id, key: undefined, body: Buffer.from(`"${id}"`), headers, partition: undefined, ...more };
}

/** How a test treats a delivery: what it returns is waited for, then the delivery is acked. `false`: the test settles it. */
export type Treat = (delivery: Delivery) => void | false | Promise<void | false>;

/** A sink as simple as it can be: everything side by side, and room for `maxInFlight`. */
export class TestSink implements DeliverySink {
  readonly received: Delivery[] = [];
  /** When each of them came, on the monotonic clock. */
  readonly at: number[] = [];
  /** Settled, by this sink and in this order. */
  readonly done: Delivery[] = [];
  revokes = 0;
  readonly #treat: Treat;

  constructor(treat: Treat = () => undefined) {
    this.#treat = treat;
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.received.push(delivery);
      this.at.push(performance.now());
      void this.#run(delivery);
    }
  }

  revoked(): void {
    this.revokes++;
  }

  get doneIds(): string[] {
    return this.done.map(({ id }) => id);
  }

  async #run(delivery: Delivery): Promise<void> {
    delivery.state = 'running';
    const settles = await this.#treat(delivery);
    if (settles !== false && delivery.settle(ACK)) this.done.push(delivery);
  }
}

/** Waits for a fact that tells no event, so it is looked for often. */
export async function until(what: string, fact: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await fact()); await pause(10)) {
    if (Date.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${what}`);
  }
}

/** One channel as nsqd counts it; undefined while it is not there. */
export async function channel(topic: string, name = 'readers', http = sharedHttp()): Promise<ChannelStats | undefined> {
  const [stats] = await new NsqdAdmin(`http://${http}`).stats(topic);
  return stats?.channels.find(({ channel_name }) => channel_name === name);
}

/** Publishes bodies as a foreign program would: bytes, and nothing around them. */
export async function publishBare(
  topic: string,
  bodies: readonly (string | Buffer)[],
  nsqd = sharedNsqd(),
): Promise<void> {
  const producer = new NsqProducer({ nsqd });
  await producer.publishAll(topic, bodies).finally(() => producer.close());
}
