import { type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { Controller, type INestMicroservice, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  defineEvent,
  Publisher,
  Subscribe,
  TransportModule,
  type EventDefinition,
  type MessageContext,
  type TransportModuleOptions,
} from 'nest-transport';
import { avro, jsonSchema, msgpack, protobuf, schemaRegistry, type SchemaRegistryOptions } from 'nest-transport/codecs';
import { memory } from 'nest-transport/memory';
import { read } from '../architecture/tree.js';
import { ScriptedRegistry } from '../interop/scripted-registry.js';
import { closeStarted, start, told } from './application.js';
import { OrderCreatedSchema } from './gen/shop_pb.js';
import { blocksOf } from './markdown.js';
import { runExample } from './run-example.js';

const PAGE = 'docs/guides/codecs.md';
const PROTOBUF = 'Protobuf';
const REGISTRY = 'Avro and JSON Schema with a registry';

/** What handlers were given: the payload, and how the message said that it is written. */
type Taken = [payload: unknown, contentType: string | undefined][];

function taking(taken: Taken, ...events: EventDefinition[]): Type[] {
  return events.map((event) => {
    @Controller()
    class Taker {
      @Subscribe(event, { retry: { maxAttempts: 1 } })
      take(@Payload() payload: unknown, @Ctx() context: MessageContext): void {
        taken.push([payload, context.header('content-type')]);
      }
    }
    return Taker;
  });
}

/** Publishes one after the other; resolves when all are handled. */
async function published(app: INestMicroservice, ...messages: [EventDefinition, unknown][]): Promise<void> {
  const handled = told(app, 'message:acked', messages.length);
  for (const [event, payload] of messages) await app.get(Publisher).publish(event, payload);
  await handled;
}

afterEach(closeStarted);

test('what the first example publishes comes as it was, its date too', async () => {
  const taken: Taken = [];
  const app = await start(taking(taken, defineEvent('price.changed', { codec: msgpack() })));
  const handled = told(app, 'message:acked', 1);
  await runExample(PAGE, undefined, { defineEvent, msgpack, publisher: app.get(Publisher) }, 'undefined');
  await handled;
  expect(taken).toEqual([[{ sku: 'a-1', price: 12.5, at: expect.any(Date) }, 'application/msgpack']]);
});

test('the codec of the module is that of events which say none', async () => {
  let transport = {};
  const forRoot = (options: TransportModuleOptions): void => void (transport = options);
  await runExample(PAGE, undefined, { TransportModule: { forRoot }, memory, msgpack }, 'undefined', 1);
  const taken: Taken = [];
  const event = defineEvent('price.changed');
  const app = await start(taking(taken, event), TransportModule.forRoot(transport as TransportModuleOptions));
  await published(app, [event, { at: new Date(0) }]);
  expect(taken).toEqual([[{ at: new Date(0) }, 'application/msgpack']]);
});

describe('Protobuf', () => {
  const contract = blocksOf(read(PAGE).text).find(({ info }) => info === 'proto')?.text ?? '';

  it('the descriptor that is used here is that of the contract in the page', () => {
    expect(contract.split('\n\n').at(-1)).toBe(protoOf(OrderCreatedSchema));
    expect(contract).toContain('package shop;');
  });

  it('a handler gets the message of the fields that were published', async () => {
    const scope = { defineEvent, protobuf, OrderCreatedSchema };
    const event = (await runExample(PAGE, PROTOBUF, scope, 'OrderCreated')) as EventDefinition;
    const taken: Taken = [];
    const app = await start(taking(taken, event));
    await published(app, [event, { orderId: 'o-1', quantity: 3 }]);
    const order = { $typeName: 'shop.OrderCreated', orderId: 'o-1', quantity: 3 };
    expect(taken).toEqual([[order, 'application/protobuf']]);
  });
});

/** A message type as it stands in a .proto file. */
function protoOf({ name, fields }: DescMessage): string {
  const lines = fields.map((field) => {
    const type = field.fieldKind === 'scalar' ? ScalarType[field.scalar].toLowerCase() : field.fieldKind;
    return `  ${type} ${field.name} = ${field.number};`;
  });
  return [`message ${name} {`, ...lines, '}'].join('\n');
}

describe('with a registry', () => {
  const server = new ScriptedRegistry();
  beforeAll(() => server.start());
  afterAll(() => server.stop());
  beforeEach(() => server.clear());

  /** The example as it stands; what it asks at its own address, the server here answers. */
  async function events(): Promise<{ OrderPlaced: EventDefinition; OrderShipped: EventDefinition }> {
    const redirected = (options: SchemaRegistryOptions): unknown =>
      schemaRegistry({
        ...options,
        fetch: (url, request) => fetch(String(url).replace('http://localhost:8081', server.url), request),
      });
    const scope = { defineEvent, avro, jsonSchema, schemaRegistry: redirected };
    const result = await runExample(PAGE, REGISTRY, scope, '{ OrderPlaced, OrderShipped }');
    return result as Awaited<ReturnType<typeof events>>;
  }

  it('Avro registers its schema, JSON Schema finds the one that is there, and both come as they were', async () => {
    server.add(7, 'order.shipped-value', { type: 'object', required: ['orderId'] }, { schemaType: 'JSON' });
    const { OrderPlaced, OrderShipped } = await events();
    const taken: Taken = [];
    const app = await start(taking(taken, OrderPlaced, OrderShipped));
    const [placed, shipped] = [{ orderId: 'o-1', quantity: 3 }, { orderId: 'o-1' }];
    await published(app, [OrderPlaced, placed]);
    await published(app, [OrderShipped, shipped], [OrderPlaced, placed]);
    expect(taken).toHaveLength(3);
    expect(taken.slice(0, 2)).toEqual([
      [placed, 'application/vnd.confluent.avro'],
      [shipped, 'application/vnd.confluent.json'],
    ]);
    expect(server.requests).toEqual([
      'POST /subjects/order.placed-value/versions?normalize=true',
      'GET /schemas/ids/101',
      'POST /subjects/order.shipped-value?normalize=true',
    ]);
  });

  it('what was written before there was a quantity is read with the default of the schema', async () => {
    const { OrderPlaced } = await events();
    const registry = schemaRegistry({ url: server.url });
    const schema = { type: 'record', name: 'OrderPlaced', fields: [{ name: 'orderId', type: 'string' }] };
    const before = defineEvent('order.placed', { codec: avro({ registry, schema, register: true }) });
    const taken: Taken = [];
    await published(await start(taking(taken, OrderPlaced)), [before, { orderId: 'o-1' }]);
    expect(taken).toEqual([[{ orderId: 'o-1', quantity: 1 }, 'application/vnd.confluent.avro']]);
  });

  it('where the schema is not in the registry and is not to be registered, the publish is refused', async () => {
    const { OrderShipped } = await events();
    const app = await start(taking([], OrderShipped));
    const refused = app.get(Publisher).publish(OrderShipped, { orderId: 'o-1' });
    await expect(refused).rejects.toMatchObject({ code: 'TRANSPORT_SCHEMA_UNAVAILABLE' });
    expect(server.size).toBe(0);
  });
});

test('the codec of one’s own carries what it says it does', async () => {
  const event = (await runExample(PAGE, 'Custom codec', { defineEvent, Buffer }, 'RowRead')) as EventDefinition;
  const taken: Taken = [];
  await published(await start(taking(taken, event)), [event, ['lamp', '12']]);
  expect(taken).toEqual([[['lamp', '12'], 'text/csv']]);
});
