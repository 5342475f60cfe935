import { randomUUID } from 'node:crypto';
import {
  Notices,
  systemClock,
  WIRE_HEADERS,
  type Broker,
  type BrokerConnection,
  type Delivery,
  type DeliverySink,
} from 'nest-transport';
import type { DeadLetterCopy } from './run-report.js';

/** The demo's own connection to the broker: publishes what no service would, and reads what no service reads. */
export class BrokerProbe {
  private constructor(
    private readonly connection: BrokerConnection,
    private readonly group: string,
  ) {}

  static async connect(broker: Broker, group: string): Promise<BrokerProbe> {
    const connection = broker.open({ service: 'demo', broker: 'default', notices: new Notices(), clock: systemClock });
    await connection.connectOnce();
    return new BrokerProbe(connection, group);
  }

  /** Stores bytes as they are: no schema, no codec. */
  async inject(topic: string, type: string, body: Buffer): Promise<void> {
    const id = randomUUID();
    const headers = { [WIRE_HEADERS.id]: id, [WIRE_HEADERS.type]: type };
    const message = { topic, key: undefined, body, headers, id, partition: undefined };
    const [result] = await this.connection.producer.send([message]);
    if (result instanceof Error) throw result;
  }

  /** Reads topics from their beginning until as many messages came as are expected, at most for `timeoutMs`. */
  async readBack(expected: ReadonlyMap<string, number>, timeoutMs: number): Promise<DeadLetterCopy[]> {
    const wanted = [...expected.values()].reduce((sum, count) => sum + count, 0);
    if (wanted === 0) return [];
    const inbox = new Inbox(wanted);
    const consumption = await this.connection.consume(
      [...expected.keys()].map((topic) => ({ subscription: this.#subscription(topic), sink: inbox })),
    );
    await inbox.full(timeoutMs);
    await consumption.stop();
    await consumption.close();
    return inbox.copies;
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  #subscription(topic: string) {
    return {
      topic,
      group: this.group,
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'none',
      concurrency: 1,
      maxInFlight: 16,
    } as const;
  }
}

/** Keeps what is delivered. */
class Inbox implements DeliverySink {
  readonly copies: DeadLetterCopy[] = [];
  #onFull = (): void => undefined;

  constructor(private readonly wanted: number) {}

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const { topic, id, body, headers } = delivery;
      this.copies.push({ topic, id, body: body ?? Buffer.alloc(0), headers });
      delivery.settle({ kind: 'ack' });
    }
    if (this.copies.length >= this.wanted) this.#onFull();
  }

  revoked(): void {}

  /** Resolves when all are here, or the time is over: whoever counts them then says what is missing. */
  async full(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onFull = resolve;
      timer = setTimeout(resolve, timeoutMs);
      if (this.copies.length >= this.wanted) resolve();
    });
    clearTimeout(timer);
  }
}
