import { setTimeout as pause } from 'node:timers/promises';
import {
  Notices,
  systemClock,
  type BrokerConnection,
  type BrokerHost,
  type Delivery,
  type NoticeMap,
  type NoticeName,
  type OutgoingMessage,
} from 'nest-transport';

export const ACK = { kind: 'ack' } as const;

/** What a test opens and closes when it ends, last first. */
const opened: (() => Promise<unknown>)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export function afterwards(close: () => Promise<unknown>): void {
  opened.push(close);
}

/** How a test treats a delivery: its result is awaited, then the delivery is acked. `false`: the test settles it. */
export type Treat = (delivery: Delivery) => void | false | Promise<void | false>;

/** A connection of the driver under test, with a record of its notices. */
export class DriverSide {
  readonly notices = new Notices();
  readonly told: { name: NoticeName; notice: NoticeMap[NoticeName] }[] = [];
  readonly connection: BrokerConnection;

  constructor(open: (host: BrokerHost) => BrokerConnection, watched: readonly NoticeName[]) {
    for (const name of watched) this.notices.on(name, (notice) => this.told.push({ name, notice }));
    this.connection = open({ service: 'test', broker: 'default', notices: this.notices, clock: systemClock });
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
}

/** Waits for a fact that no event announces. */
export async function until(what: string, fact: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await fact()); await pause(10)) {
    if (Date.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${what}`);
  }
}
