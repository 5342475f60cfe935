import {
  Notices,
  systemClock,
  type BrokerConnection,
  type Clock,
  type Delivery,
  type DeliverySink,
  type OutgoingMessage,
  type Subscription,
} from 'nest-transport';
import { rabbitmq, type RabbitmqOptions } from 'nest-transport/rabbitmq';
import { uniqueName } from '../../tools/brokers/names.mjs';

export { uniqueName } from '../../tools/brokers/names.mjs';

const opened: (() => Promise<unknown>)[] = [];

/** Closes what a test opened, last first. */
export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export function open(options: RabbitmqOptions, notices = new Notices(), clock: Clock = systemClock): BrokerConnection {
  const connection = rabbitmq(options).open({ service: 'test', broker: 'default', notices, clock });
  opened.push(() => connection.close());
  return connection;
}

export async function connected(options: RabbitmqOptions, notices?: Notices, clock?: Clock): Promise<BrokerConnection> {
  const connection = open(options, notices, clock);
  await connection.connectOnce();
  return connection;
}

export const message = (topic: string, id = uniqueName('m')): OutgoingMessage => ({
  topic,
  id,
  key: undefined,
  body: Buffer.from(id),
  headers: undefined,
  partition: undefined,
});

export const subscription = (topic: string, group: string): Subscription => ({
  topic,
  group,
  delivery: 'group',
  startFrom: 'new',
  ordering: 'none',
  concurrency: 16,
  maxInFlight: 256,
});

/** Acks what it gets, and lets a test wait for it. */
export class AckingSink implements DeliverySink {
  readonly ids: string[] = [];
  #waiting: { readonly id: string; readonly tell: () => void }[] = [];

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.ids.push(delivery.id);
      delivery.settle({ kind: 'ack' });
    }
    for (const { id, tell } of this.#waiting) if (this.ids.includes(id)) tell();
  }

  revoked(): void {}

  got(id: string): Promise<void> {
    return this.ids.includes(id)
      ? Promise.resolve()
      : new Promise((tell) => void (this.#waiting = [...this.#waiting, { id, tell }]));
  }
}

/** The error of what has to fail. */
export async function refusal(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error as Error,
  );
}
