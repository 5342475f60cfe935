import { kafka } from 'nest-transport/kafka';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Application } from './application.js';
import { foreignClient, runClient } from './foreign-clients.mjs';

const brokers = process.env['KAFKA_BROKERS'] ?? '';
const kcat = await foreignClient('kcat');
const describeWithKcat = kcat === undefined ? describe.skip : describe; // kcat is not here; the line above says what brings it

/** A record as kcat prints it with -J; headers are name, value, name, value. */
interface Printed {
  key: string | null;
  payload: string | null;
  headers?: string[];
  partition: number;
}

async function read(topic: string): Promise<Printed[]> {
  const text = await runClient(kcat ?? '', ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J']);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Printed);
}

const write = (topic: string, input: string, ...more: string[]): Promise<string> =>
  runClient(kcat ?? '', ['-b', brokers, '-P', '-t', topic, ...more], input);

describeWithKcat('kcat and an application on Kafka', () => {
  let topic: string;
  let application: Application;
  beforeEach(async () => {
    topic = uniqueName('orders');
    application = await Application.start(kafka({ brokers: brokers.split(','), provision: { partitions: 4 } }), topic);
  });
  afterEach(() => application.close());

  it('reads what we publish: the plain payload, the key, and our headers beside it', async () => {
    await application.publish({ orderId: 'o-1', note: 'größer' }, { id: 'm-1', headers: { 'tenant-id': 'acme' } });
    const [record] = await read(topic);
    const headers = record?.headers ?? [];
    expect(record).toMatchObject({ key: 'o-1', payload: '{"orderId":"o-1","note":"größer"}' });
    expect(headers[headers.indexOf('message-id') + 1]).toBe('m-1');
    expect(headers[headers.indexOf('message-type') + 1]).toBe('order.created');
    expect(headers[headers.indexOf('tenant-id') + 1]).toBe('acme');
  });

  it('has what it writes handled: key, headers in any case, and a message without either', async () => {
    await write(topic, '{"orderId":"o-1"}\n', '-k', 'o-1', '-H', 'Tenant-Id=acme', '-H', 'message-id=m-1');
    await write(topic, '{"orderId":"o-2"}\n');
    const received = await application.received(2);
    const of = (orderId: string) =>
      received.find(({ payload }) => (payload as { orderId: string }).orderId === orderId);
    expect(of('o-1')?.context).toMatchObject({ key: 'o-1', id: 'm-1', headers: { 'tenant-id': 'acme' } });
    expect(of('o-2')?.context).toMatchObject({ key: undefined, id: expect.stringMatching(`^${topic}/\\d/[01]$`) });
  });

  it('sends a key to the partition that we choose for it, when it is told to do as the Java client does', async () => {
    const keys = ['a', 'order-17', 'ключ', 'x'.repeat(70)];
    for (const key of keys) {
      await application.publish({ orderId: key });
      await write(topic, `${JSON.stringify({ orderId: key })}\n`, '-k', key, '-X', 'topic.partitioner=murmur2_random');
    }
    const records = await read(topic);
    for (const key of keys) {
      const partitions = records.filter((record) => record.key === key).map(({ partition }) => partition);
      expect([key, partitions.length, new Set(partitions).size]).toEqual([key, 2, 1]);
    }
  });
});
