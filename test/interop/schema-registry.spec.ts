import { avro, jsonSchema, schemaRegistry, type SchemaRegistry } from 'nest-transport/codecs';
import { ScriptedRegistry } from './scripted-registry.js';

const server = new ScriptedRegistry();
let registry: SchemaRegistry;

/** As Confluent's serializers write: a zero, the schema's id, the payload. */
const frame = (schemaId: number, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.of(0, 0, 0, 0, schemaId), payload]);

beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => {
  server.clear();
  registry = schemaRegistry({ url: server.url, timeoutMs: 1_000 });
});

const orderAvro = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'orderId', type: 'string' },
    { name: 'quantity', type: 'int' },
  ],
};
const order = { orderId: 'o-1', quantity: 3 };

describe('avro()', () => {
  it('writes byte for byte what Confluent’s serializer writes: zero, schema id, Avro', async () => {
    server.add(7, 'orders-value', orderAvro);
    const body = await avro({ registry, schema: orderAvro }).encode(order, 'orders');
    expect(body.toString('hex')).toBe('00' + '00000007' + '06' + Buffer.from('o-1').toString('hex') + '06');
    expect(server.requests).toEqual(['POST /subjects/orders-value?normalize=true']);
  });

  it('reads what it wrote, asks the registry once for each schema, and answers at once after that', async () => {
    const codec = avro({ registry, schema: orderAvro, register: true });
    const body = await codec.encode(order, 'orders');
    expect(await codec.decode(body, 'orders')).toEqual(order);
    const again = codec.encode(order, 'orders');
    expect(again).toEqual(body);
    expect(codec.decode(body, 'orders')).toEqual(order);
    expect(server.requests).toEqual(['POST /subjects/orders-value/versions?normalize=true', 'GET /schemas/ids/100']);
  });

  it('asks once, however many messages ask at the same time', async () => {
    const codec = avro({ registry, schema: orderAvro, register: true });
    await Promise.all(Array.from({ length: 20 }, async () => codec.encode(order, 'orders')));
    expect(server.requests).toHaveLength(1);
  });

  it('registers under the subject it is told, and per topic', async () => {
    await avro({ registry, schema: orderAvro, register: true, subject: 'shop.Order' }).encode(order, 'orders');
    await avro({ registry, schema: orderAvro, register: true, subject: (topic) => `${topic}/Order` }).encode(
      order,
      'a',
    );
    expect(server.requests).toEqual([
      'POST /subjects/shop.Order/versions?normalize=true',
      'POST /subjects/a%2FOrder/versions?normalize=true',
    ]);
  });

  it('does not register unless it is told to', async () => {
    const refused = avro({ registry, schema: orderAvro }).encode(order, 'orders');
    await expect(refused).rejects.toMatchObject({ code: 'TRANSPORT_SCHEMA_UNAVAILABLE' });
    await expect(refused).rejects.toThrow('Cannot find the schema of "orders-value" at the schema registry 127.0.0.1:');
    expect(server.size).toBe(0);
  });

  it('reads what another version of the schema wrote, and makes it fit', async () => {
    server.add(3, 'orders-value', {
      ...orderAvro,
      fields: [
        { name: 'orderId', type: 'string' },
        { name: 'note', type: 'string' },
      ],
    });
    const later = {
      ...orderAvro,
      fields: [
        { name: 'orderId', type: 'string' },
        { name: 'quantity', type: 'int', default: 1 },
      ],
    };
    const body = frame(3, Buffer.concat([Buffer.from([6]), Buffer.from('o-9'), Buffer.from([4]), Buffer.from('hi')]));
    expect(await avro({ registry, schema: later }).decode(body, 'orders')).toEqual({ orderId: 'o-9', quantity: 1 });
    expect(await avro({ registry }).decode(body, 'orders')).toEqual({ orderId: 'o-9', note: 'hi' });
  });

  it('reads a schema that refers to others', async () => {
    const item = { type: 'record', name: 'Item', namespace: 'shop', fields: [{ name: 'sku', type: 'string' }] };
    const basket = { type: 'record', name: 'Basket', namespace: 'shop', fields: [{ name: 'item', type: 'shop.Item' }] };
    server.add(1, 'shop.Item', item);
    server.add(2, 'baskets-value', basket, { references: [{ name: 'shop.Item', subject: 'shop.Item', version: 1 }] });
    const body = frame(2, Buffer.concat([Buffer.from([2]), Buffer.from('a')]));
    expect(await avro({ registry }).decode(body, 'baskets')).toEqual({ item: { sku: 'a' } });
  });

  it.each([
    ['has no frame', Buffer.from('{"orderId":"o-1"}'), 'does not start with a zero'],
    ['is too short for one', Buffer.from([0, 0, 0]), 'does not start with a zero'],
    ['is not compatible with ours', frame(3, Buffer.from([2])), 'is not compatible with the schema of avro()'],
    ['is of a schema that is no Avro', frame(4, Buffer.from('{}')), 'is JSON, not Avro'],
  ])('does not read a body that %s', async (_, body, words) => {
    server.add(3, 'x', { type: 'record', name: 'Order', namespace: 'shop', fields: [] });
    server.add(4, 'y', { type: 'object' }, { schemaType: 'JSON' });
    const read = async (): Promise<unknown> => avro({ registry, schema: orderAvro }).decode(body, 'orders');
    await expect(read()).rejects.toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNDECODABLE' });
    await expect(read()).rejects.toThrow(words);
  });

  it('writes with the newest version of the subject on request, by its id and its schema, and refuses what does not fit it', async () => {
    server.add(3, 'orders-value', orderAvro);
    const codec = avro({ registry, useLatestVersion: true });
    const body = await codec.encode(order, 'orders');
    expect(body.toString('hex')).toBe('00' + '00000003' + '06' + Buffer.from('o-1').toString('hex') + '06');
    expect(codec.encode(order, 'orders')).toEqual(body);
    expect(server.requests).toEqual(['GET /subjects/orders-value/versions/latest', 'GET /schemas/ids/3']);
    await expect(Promise.resolve().then(() => codec.encode({ orderId: 1 }, 'orders'))).rejects.toMatchObject({
      code: 'TRANSPORT_PAYLOAD_UNENCODABLE',
    });
    expect(() => avro({ registry, schema: orderAvro, register: true, useLatestVersion: true })).toThrow('not both');
  });

  it('does not read a map with the name __proto__', async () => {
    server.add(5, 'x', { type: 'map', values: { type: 'map', values: 'string' } });
    const text = (value: string) => Buffer.concat([Buffer.from([value.length * 2]), Buffer.from(value)]);
    const inner = Buffer.concat([Buffer.from([2]), text('isAdmin'), text('yes'), Buffer.from([0])]);
    const body = frame(5, Buffer.concat([Buffer.from([2]), text('__proto__'), inner, Buffer.from([0])]));
    await expect(avro({ registry }).decode(body, 'x')).rejects.toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNDECODABLE' });
  });

  it('refuses to write what does not fit, naming the field and not the value', async () => {
    const write = async (payload: unknown): Promise<unknown> =>
      avro({ registry, schema: orderAvro }).encode(payload, 'orders');
    await expect(write({ orderId: 'o-1', quantity: 'hunter2' })).rejects.toThrow(
      '"shop.Order", see its field "quantity"',
    );
    await expect(write({ orderId: 'o-1', quantity: 'hunter2' })).rejects.not.toThrow('hunter2');
    await expect(Promise.resolve().then(() => avro({ registry }).encode(order, 'orders'))).rejects.toThrow(
      'has no schema',
    );
  });

  it('refuses a schema that is none, and options that it does not know', async () => {
    await expect(avro({ registry, schema: { type: 'nonsense' } }).prepare?.()).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_INVALID',
    });
    expect(() => avro({ registry, shcema: orderAvro } as never)).toThrow('Did you mean "schema"?');
    expect(() => avro({} as never)).toThrow('registry is missing');
  });
});

describe('jsonSchema()', () => {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { orderId: { type: 'string' }, quantity: { type: 'integer' } },
    required: ['orderId'],
  };

  it('writes zero, schema id, JSON, and reads it without asking', async () => {
    server.add(9, 'orders-value', schema, { schemaType: 'JSON' });
    const codec = jsonSchema({ registry, schema });
    const body = await codec.encode(order, 'orders');
    expect(body.subarray(0, 5).toString('hex')).toBe('0000000009');
    expect(body.subarray(5).toString()).toBe('{"orderId":"o-1","quantity":3}');
    expect(codec.decode(body, 'orders')).toEqual(order);
    expect(codec.encode(order, 'orders')).toEqual(body);
    expect(server.requests).toEqual(['POST /subjects/orders-value?normalize=true']);
  });

  it.each([
    'http://json-schema.org/draft-07/schema#',
    'https://json-schema.org/draft/2019-09/schema',
    'https://json-schema.org/draft/2020-12/schema',
  ])('checks both ways by %s, naming the field and not the value', async ($schema) => {
    const codec = jsonSchema({ registry, schema: { ...schema, $schema }, register: true });
    const write = async (payload: unknown): Promise<unknown> => codec.encode(payload, 'orders');
    await expect(write({ orderId: 'o-1', quantity: 'hunter2' })).rejects.toMatchObject({
      code: 'TRANSPORT_PAYLOAD_INVALID',
    });
    await expect(write({ orderId: 'o-1', quantity: 'hunter2' })).rejects.toThrow('/quantity must be integer');
    await expect(write({ orderId: 'o-1', quantity: 'hunter2' })).rejects.not.toThrow('hunter2');
    expect(() => codec.decode(frame(9, Buffer.from('{"quantity":1}')), 'orders')).toThrow('orderId');
  });

  it('leaves the check out on request, and refuses names that poison a prototype in any case', async () => {
    const codec = jsonSchema({ registry, schema, register: true, validate: false });
    await codec.prepare?.();
    expect(codec.decode(frame(9, Buffer.from('{"quantity":"x"}')), 'orders')).toEqual({ quantity: 'x' });
    expect(() => codec.decode(frame(9, Buffer.from('{"__proto__":{}}')), 'orders')).toThrow(
      'TRANSPORT_PAYLOAD_UNDECODABLE',
    );
  });

  it('refuses a schema that is none', async () => {
    await expect(jsonSchema({ registry, schema: { type: 'nonsense' } }).prepare?.()).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_INVALID',
    });
    expect(() => jsonSchema({ registry } as never)).toThrow('schema is missing');
  });
});

describe('schemaRegistry()', () => {
  it.each([[[503]], [[500, 429]], [[0, 0]]])('tries again when a moment later may do (%j)', async (faults) => {
    server.add(1, 'x', orderAvro);
    server.faults.push(...faults);
    expect((await registry.schemaOf(1)).schema).toBe(JSON.stringify(orderAvro));
    expect(server.requests).toHaveLength(faults.length + 1);
  });

  it('gives up after three tries, saying who did not answer, and asks anew the next time', async () => {
    server.add(1, 'x', orderAvro);
    server.faults.push(503, 503, 503);
    await expect(registry.schemaOf(1)).rejects.toMatchObject({
      code: 'TRANSPORT_SCHEMA_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('Cannot read schema 1 at the schema registry 127.0.0.1:') as string,
    });
    expect(server.requests).toHaveLength(3);
    expect((await registry.schemaOf(1)).schemaType).toBe('AVRO');
  });

  it('does not try again what stays as it is', async () => {
    server.faults.push(401);
    await expect(registry.schemaOf(1)).rejects.toMatchObject({
      code: 'TRANSPORT_SCHEMA_UNAVAILABLE',
      retryable: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [
      'user name and password',
      { username: 'ann', password: 'secret' },
      `Basic ${Buffer.from('ann:secret').toString('base64')}`,
    ],
    ['a token', { token: 'secret' }, 'Bearer secret'],
  ])('logs in with %s, and says them in no error', async (_, login, expected) => {
    server.faults.push(403);
    const refused = schemaRegistry({ url: server.url, ...login }).schemaOf(1);
    await expect(refused).rejects.toThrow('it answered 403: a planted fault');
    await expect(refused).rejects.not.toThrow('secret');
    expect(server.headers[0]?.['authorization']).toBe(expected);
  });

  it('keeps the path of its url', async () => {
    server.faults.push(401);
    await expect(schemaRegistry({ url: `${server.url}/apis/ccompat/v7/` }).schemaOf(1)).rejects.toThrow('401');
    expect(server.requests).toEqual(['GET /apis/ccompat/v7/schemas/ids/1']);
  });

  it.each([
    ['an address that is none', { url: 'localhost:8081' }, 'url must be an http or https address'],
    ['a password in the address', { url: 'http://ann:hunter2@localhost:8081' }, 'without credentials'],
    ['two logins', { url: 'http://localhost', token: 't', username: 'u' }, 'not both'],
    ['a login without TLS to another machine', { url: 'http://registry.example', token: 't' }, 'allowLoginWithoutTls'],
    ['an unknown option', { url: 'http://localhost', user: 'u' }, 'has no option "user"'],
  ])('refuses %s, and shows no password', (_, options, words) => {
    const refuse = (): unknown => schemaRegistry(options);
    expect(refuse).toThrow(words);
    expect(refuse).not.toThrow('hunter2');
  });
});
