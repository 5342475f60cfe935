import { avro, jsonSchema, schemaRegistry, type SchemaRegistry } from 'nest-transport/codecs';
import { kafka } from 'nest-transport/kafka';
import { startApicurio } from '../brokers/apicurio.mjs';
import { uniqueName } from '../brokers/names.mjs';
import { Application } from './application.js';
import { confluentKafka } from './confluent-kafka.mjs';

/** With its fields in another order, as another program may have registered it. */
const asOthersWrite = {
  fields: [{ type: 'string', name: 'orderId' }],
  name: 'Order',
  type: 'record',
};
const schema = { type: 'record', name: 'Order', fields: [{ name: 'orderId', type: 'string' }] };
const order = { orderId: 'o-1' };
const brokers = process.env['KAFKA_BROKERS'] ?? '';
const confluent = await confluentKafka();
const describeWithConfluent = confluent === undefined ? describe.skip : describe; // confluent-kafka is not here; the line above says what brings it

describe('with Apicurio, a real registry', () => {
  let server: Awaited<ReturnType<typeof startApicurio>>;
  let registry: SchemaRegistry;
  beforeAll(async () => {
    server = await startApicurio();
  }, 300_000);
  afterAll(() => server.stop());
  beforeEach(() => {
    registry = schemaRegistry({ url: server.url, timeoutMs: 30_000 });
  });
  const versionsOf = async (subject: string): Promise<unknown> =>
    (await fetch(`${server.url}/subjects/${subject}/versions`)).json();

  it('avro() registers, writes and reads, in another process as in its own', async () => {
    const body = await avro({ registry, schema, register: true }).encode(order, 'plain');
    expect(await avro({ registry: schemaRegistry({ url: server.url }), schema }).decode(body, 'plain')).toEqual(order);
  });

  it('a schema that another program registered with its fields in another order is found, and makes no second version', async () => {
    await avro({ registry, schema: asOthersWrite, register: true }).encode(order, 'orders');
    const found = await avro({ registry, schema }).encode(order, 'orders');
    const registered = await avro({ registry, schema, register: true }).encode(order, 'orders');
    expect(registered).toEqual(found);
    expect(await versionsOf('orders-value')).toEqual([1]);
    const exact = schemaRegistry({ url: server.url, normalize: false });
    await expect(Promise.resolve(avro({ registry: exact, schema }).encode(order, 'orders'))).rejects.toMatchObject({
      code: 'TRANSPORT_SCHEMA_UNAVAILABLE',
    });
  });

  it('useLatestVersion writes what the newest version says, and reads it', async () => {
    await avro({ registry, schema, register: true }).encode(order, 'shipped');
    const wider = { ...schema, fields: [...schema.fields, { name: 'note', type: 'string', default: 'none' }] };
    await avro({ registry, schema: wider, register: true }).encode(order, 'shipped');
    const codec = avro({ registry, useLatestVersion: true });
    expect(await codec.decode(await codec.encode(order, 'shipped'), 'shipped')).toEqual({ ...order, note: 'none' });
  });

  // n.b. without $schema this registry does not see that it is a JSON schema, and answers 422.
  it('jsonSchema() registers, writes and reads', async () => {
    const ofOrder = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', required: ['orderId'] };
    const codec = jsonSchema({ registry, schema: ofOrder, register: true });
    expect(codec.decode(await codec.encode(order, 'json'), 'json')).toEqual(order);
  });

  // Its JSON serializer takes the name of a schema from its title.
  const ofOrder = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Order',
    type: 'object',
    properties: { orderId: { type: 'string' } },
    required: ['orderId'],
  };
  describeWithConfluent.each([
    { format: 'avro', schema, codec: () => avro({ registry, schema, register: true }) },
    { format: 'json', schema: ofOrder, codec: () => jsonSchema({ registry, schema: ofOrder, register: true }) },
  ] as const)('and confluent-kafka of Python, a message in the format $format', ({ format, schema: own, codec }) => {
    let application: Application;
    let run: (work: { write: object[]; normalize?: boolean } | { read: number }) => Promise<unknown[]>;
    let topic: string;
    beforeEach(async () => {
      topic = uniqueName('orders');
      const broker = kafka({ brokers: brokers.split(','), provision: { partitions: 1 } });
      application = await Application.start(broker, topic, codec());
      const task = { brokers, registry: server.url, topic, format, schema: own };
      run = (work) => (confluent as NonNullable<typeof confluent>)({ ...task, ...work });
    });
    afterEach(() => application.close());

    it('that it writes is handled, and what we publish then makes no second version of its schema', async () => {
      await run({ write: [{ orderId: 'o-1' }, { orderId: 'größer' }] });
      const received = await application.received(2);
      expect(received.map(({ payload }) => payload)).toEqual([{ orderId: 'o-1' }, { orderId: 'größer' }]);
      await application.publish({ orderId: 'o-3' });
      expect(await versionsOf(`${topic}-value`)).toEqual([1]);
    }, 120_000);

    it('that we publish is read by it, and makes one version of the schema with a writer that normalizes', async () => {
      await application.publish({ orderId: 'o-1' });
      await run({ write: [{ orderId: 'o-2' }], normalize: true });
      expect(await run({ read: 2 })).toEqual([{ orderId: 'o-1' }, { orderId: 'o-2' }]);
      expect(await versionsOf(`${topic}-value`)).toEqual([1]);
    }, 120_000);
  });
});
