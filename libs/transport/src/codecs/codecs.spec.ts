import { create, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { encode as packed } from '@msgpack/msgpack';
import type { Codec } from '../contract/index.js';
import { msgpack, protobuf } from './index.js';

const roundTrip = async (codec: Codec, payload: unknown): Promise<unknown> =>
  codec.decode(await codec.encode(payload, 'orders'), 'orders');

describe('msgpack()', () => {
  it.each([
    [
      'what JSON has',
      { orderId: 'o-1', quantity: 3, ratio: 0.5, gone: null, yes: true, tags: ['a', 'ü€😀'], in: { a: {} } },
    ],
    ['a number', 5],
    ['null', null],
    ['a date', { at: new Date('2026-01-02T03:04:05.678Z') }],
    ['big and small numbers', [0, -1, 127, 128, 255, 256, 65_536, 4_294_967_296, -33, -129, -32_769, -2_147_483_649]],
    [
      'long texts and lists',
      ['x'.repeat(40), 'y'.repeat(300), 'z'.repeat(70_000), Array.from({ length: 70_000 }, () => 1)],
    ],
    ['a wide map', Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`k${n}`, n]))],
  ])('carries %s', async (_, payload) => {
    expect(await roundTrip(msgpack(), payload)).toEqual(payload);
  });

  it('carries bytes as bytes', async () => {
    expect(await roundTrip(msgpack(), { photo: Buffer.from([0, 255]) })).toEqual({ photo: new Uint8Array([0, 255]) });
  });

  it('returns values, not promises, once its package is loaded', async () => {
    const codec = msgpack();
    expect(codec.encode({ n: 1 }, 'orders')).toBeInstanceOf(Promise);
    await codec.prepare?.();
    const body = codec.encode({ n: 1 }, 'orders') as Buffer;
    expect(Buffer.isBuffer(body)).toBe(true);
    expect(codec.decode(body, 'orders')).toEqual({ n: 1 });
  });

  it('leaves the bytes of one message alone when it writes the next', async () => {
    const codec = msgpack();
    const first = await codec.encode({ n: 'one' }, 'orders');
    await codec.encode({ n: 'two' }, 'orders');
    expect(codec.decode(first, 'orders')).toEqual({ n: 'one' });
  });

  it.each([
    ['undefined', undefined],
    ['a function', { f: () => 1 }],
    ['a bigint', 2n ** 70n],
    ['a Map, of which it would write an empty object', { in: new Map([['a', 1]]) }],
    ['a Set, of which it would write an empty object', [new Set([1])]],
    ['numbers that would come back as bytes', { in: new Float64Array(2) }],
  ])('refuses to write %s', async (_, payload) => {
    await expect(roundTrip(msgpack(), payload)).rejects.toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNENCODABLE' });
  });

  it('refuses to write a circular reference', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    await expect(roundTrip(msgpack(), circle)).rejects.toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNENCODABLE' });
  });

  it.each([
    ['nothing', []],
    ['a cut text', [0xa5, 0x61]],
    ['a text cut in its length', [0xda, 0x00]],
    ['something after its end', [0x01, 0x02]],
    [
      'lengths within lengths, without what they announce',
      [0xdd, 0x00, 0x0f, 0xff, 0xff, 0xdd, 0x00, 0x0f, 0xff, 0xff],
    ],
    ['a map that announces more than it holds', [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ['the type that is none', [0xc1]],
    [
      '__proto__',
      [...packed({ ['__proto__x']: 1 })]
        .map((byte, at, all) => (at === 1 ? all[at]! - 1 : byte))
        .filter((byte) => byte !== 0x78),
    ],
  ])('does not read %s', async (_, bytes) => {
    const codec = msgpack();
    await codec.prepare?.();
    expect(() => codec.decode(Buffer.from(bytes), 'orders')).toThrow();
  });

  it('does not exhaust the memory with a deeply nested body', async () => {
    const codec = msgpack();
    await codec.prepare?.();
    const deep = Buffer.concat([Buffer.alloc(100_000, 0x91), Buffer.from([0xc0])]);
    expect(codec.decode(deep, 'orders')).toHaveLength(1);
  });
});

/** What protoc-gen-es would make of `message Order { string order_id = 1; int32 quantity = 2; map<string, string> notes = 3; }`. */
function orderSchema() {
  const file = create(FileDescriptorProtoSchema, {
    name: 'order.proto',
    package: 'shop',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Order',
        field: [
          { name: 'order_id', jsonName: 'orderId', number: 1, type: 9, label: 1 },
          { name: 'quantity', jsonName: 'quantity', number: 2, type: 5, label: 1 },
          { name: 'notes', jsonName: 'notes', number: 3, type: 11, label: 3, typeName: '.shop.Order.NotesEntry' },
        ],
        nestedType: [
          {
            name: 'NotesEntry',
            field: [
              { name: 'key', jsonName: 'key', number: 1, type: 9, label: 1 },
              { name: 'value', jsonName: 'value', number: 2, type: 9, label: 1 },
            ],
            options: { mapEntry: true },
          },
        ],
      },
    ],
  });
  const schema = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getMessage('shop.Order');
  if (schema === undefined) throw new Error('no schema');
  return schema;
}

describe('protobuf()', () => {
  const order = { orderId: 'o-1', quantity: 3, notes: { gift: 'yes' } };

  it('carries a message of protobuf-es, given as its fields or as a message', async () => {
    const schema = orderSchema();
    expect(await roundTrip(protobuf(schema), order)).toMatchObject(order);
    expect(await roundTrip(protobuf(schema), create(schema, order as never))).toMatchObject(order);
  });

  it('writes what every Protobuf program writes', async () => {
    const body = await protobuf(orderSchema()).encode({ orderId: 'o-1', quantity: 3 }, 'orders');
    expect(body.toString('hex')).toBe('0a036f2d311003');
  });

  it('carries a message of a type with encode and decode, as ts-proto and protobufjs generate them', async () => {
    const type = {
      encode: ({ n }: { n: number }) => ({ finish: () => Uint8Array.of(8, n) }),
      decode: (bytes: Uint8Array) => ({ n: bytes[1] }),
    };
    expect(await roundTrip(protobuf(type), { n: 7 })).toEqual({ n: 7 });
  });

  it('refuses to write what does not match, without quoting it', async () => {
    const refused = roundTrip(protobuf(orderSchema()), { orderId: 'o-1', quantity: 'hunter2' });
    await expect(refused).rejects.toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNENCODABLE' });
    await expect(refused).rejects.toThrow('"shop.Order", see its field "shop.Order.quantity"');
    await expect(refused).rejects.not.toThrow('hunter2');
    await expect(roundTrip(protobuf(orderSchema()), 5)).rejects.toMatchObject({
      code: 'TRANSPORT_PAYLOAD_UNENCODABLE',
    });
  });

  it('does not read a truncated body', async () => {
    const codec = protobuf(orderSchema());
    await codec.prepare?.();
    expect(() => codec.decode(Buffer.from([0x0a, 0x05, 0x61]), 'orders')).toThrow();
  });

  it('does not read a map with a changed prototype', async () => {
    const type = {
      encode: () => ({ finish: () => Uint8Array.of() }),
      decode: (bytes: Uint8Array) => {
        const map: Record<string, unknown> = {};
        map[Buffer.from(bytes).toString()] = { isAdmin: true };
        return { map };
      },
    };
    const codec = protobuf(type);
    await codec.prepare?.();
    expect(() => codec.decode(Buffer.from('__proto__'), 'x')).toThrow('TRANSPORT_PAYLOAD_UNDECODABLE');
    expect(codec.decode(Buffer.from('a text about __proto__'), 'x')).toBeTruthy();
  });

  it('refuses what is not a message type', () => {
    expect(() => protobuf({} as never)).toThrow('TRANSPORT_OPTION_INVALID');
  });
});

describe.each([
  ['msgpack()', msgpack(), 'application/msgpack'],
  [
    'protobuf()',
    protobuf({ encode: () => ({ finish: () => new Uint8Array() }), decode: () => ({}) }),
    'application/protobuf',
  ],
])('%s', (_, codec, contentType) => {
  it('reads its content type under its other names and with parameters, and nothing else', () => {
    expect(codec.contentType).toBe(contentType);
    const [, name] = contentType.split('/');
    for (const type of [contentType, `Application/x-${name}`, `${contentType}; charset=binary`]) {
      expect(codec.reads?.(type)).toBe(true);
    }
    for (const type of ['application/json', 'text/plain', '', undefined]) expect(codec.reads?.(type)).toBe(false);
  });
});
