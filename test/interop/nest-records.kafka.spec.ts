import { ClientProxyFactory, Transport } from '@nestjs/microservices';
import { Kafka, logLevel } from 'kafkajs';
import { getClientToken, type TransportClient } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { lastValueFrom } from 'rxjs';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { boot, closeAll } from '../nest/boot.js';

const brokers = process.env['KAFKA_BROKERS']!.split(',');
const client = new Kafka({ brokers, logLevel: logLevel.NOTHING });

/** What a record says, without the id that ours adds. */
interface Seen {
  readonly key: string | undefined;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** The first messages of a topic, as a program with plain kafkajs reads them. */
async function read(topic: string, count: number): Promise<readonly Seen[]> {
  const consumer = client.consumer({ groupId: uniqueName('reader') });
  const seen: Seen[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const eachMessage = ({ message: { key, value, headers = {} } }: { message: Parameters<typeof seenOf>[0] }) => {
      if (seen.push(seenOf({ key, value, headers })) === count) resolve();
      return Promise.resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  }).finally(() => consumer.disconnect());
  return seen;
}

function seenOf({ key, value, headers }: { key: Buffer | null; value: Buffer | null; headers?: object }): Seen {
  const { 'message-id': _, ...others } = Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]),
  );
  return { key: key?.toString(), value: JSON.parse(String(value)) as unknown, headers: others };
}

afterEach(closeAll);

describe("records of Nest's Kafka client", () => {
  it("are published by TransportClient as Nest's own client publishes them", async () => {
    const topic = uniqueName('records');
    const { app } = await boot({}, { transport: { consume: false, broker: kafka({ brokers, provision: {} }) } });
    const record = () => ({ key: 'customer-7', value: { orderId: 'o-1' }, headers: { tenant: 'blue' } });
    await lastValueFrom(app.get<TransportClient>(getClientToken()).emit(topic, record()));
    const options = { client: { brokers, logLevel: logLevel.NOTHING }, producerOnlyMode: true };
    const nest = ClientProxyFactory.create({ transport: Transport.KAFKA, options });
    try {
      await nest.connect();
      await lastValueFrom(nest.emit(topic, record()));
    } finally {
      await nest.close();
    }
    const [ours, theirs] = await read(topic, 2);
    expect(ours).toEqual({ key: 'customer-7', value: { orderId: 'o-1' }, headers: { tenant: 'blue' } });
    expect(theirs).toEqual(ours);
  }, 60_000);
});
