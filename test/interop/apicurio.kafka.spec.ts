import { avro, jsonSchema, schemaRegistry, type SchemaRegistry } from 'nest-transport/codecs';
import { startApicurio } from '../brokers/apicurio.mjs';

/** With its fields in another order, as another program may have registered it. */
const asOthersWrite = {
  fields: [{ type: 'string', name: 'orderId' }],
  name: 'Order',
  type: 'record',
};
const schema = { type: 'record', name: 'Order', fields: [{ name: 'orderId', type: 'string' }] };
const order = { orderId: 'o-1' };

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
});
