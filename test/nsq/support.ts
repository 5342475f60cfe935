import {
  type Consumption,
  type Delivery,
  type DeliverySink,
  type NoticeName,
  type OutgoingMessage,
  type Subscription,
} from 'nest-transport';
import { nsq, type NsqOptions } from 'nest-transport/nsq';
import { NsqdAdmin, NsqProducer, type ChannelStats } from 'nest-transport/nsq/client';
import { ACK, DriverSide, type Treat } from '../driver-support.js';

export { uniqueName } from '../../tools/brokers/names.mjs';
export { afterwards, closeAll, until, type Treat } from '../driver-support.js';

export const sharedNsqd = (): string[] => (process.env['NSQD_TCP'] ?? '').split(',');
export const sharedHttp = (): string => (process.env['NSQD_HTTP'] ?? '').split(',')[0] ?? '';

const WATCHED = [
  'broker:connected',
  'broker:unreachable',
  'subscription:crashed',
  'subscription:recovered',
  'settlement:ignored',
  'settlement:failed',
  'broker:warned',
] as const satisfies NoticeName[];

/** A connection of the driver under test, with a record of its notices. */
export class Side extends DriverSide {
  constructor(options: Partial<NsqOptions> = {}) {
    super(
      (host) => nsq({ ...(options.lookupd === undefined ? { nsqd: sharedNsqd() } : {}), ...options }).open(host),
      WATCHED,
    );
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
