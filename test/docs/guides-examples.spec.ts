import { Controller, Injectable, Module, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  circuitBreaker,
  defineEvent,
  InjectBroker,
  Notices,
  Publisher,
  Respond,
  Subscribe,
  timeout,
  TransportModule,
  type EventDefinition,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
import { runExample } from './run-example.js';

interface Price {
  readonly sku: string;
}

const PriceChanged = defineEvent<Price>('price.changed', { key: ({ sku }) => sku });
const OrderCreated = defineEvent<{ orderId: string }>('order.created', { key: ({ orderId }) => orderId });
const NEST = { Controller, Injectable, Payload, Ctx, Subscribe, Respond, InjectBroker };
/** Longer than every wait of the examples. */
const HOUR_MS = 3_600_000;

let transport: TestTransport;
afterEach(() => transport.close());

async function start(service: string, controllers: readonly Type[], providers: readonly Type[] = []): Promise<void> {
  @Module({
    imports: [TransportModule.forRoot({ service, broker: memory() })],
    controllers: [...controllers],
    providers: [...providers],
  })
  class AppModule {}
  transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
}

const asRead = { vendor: 'test', version: 1, validate: (value: unknown) => ({ value }) } as const;
const anySchema = { '~standard': asRead };

test('handlers, "Batches": one price of a batch that cannot be saved is saved later, the others once', async () => {
  @Injectable()
  class PriceStore {
    readonly tried: string[] = [];
    save({ sku }: Price): Promise<void> {
      this.tried.push(sku);
      const isFirst = this.tried.filter((each) => each === sku).length === 1;
      return sku === 'desk' && isFirst ? Promise.reject(new Error('deadlock')) : Promise.resolve();
    }
  }
  const scope = { ...NEST, PriceChanged, PriceStore };
  const page = 'docs/guides/handlers.md';
  const catalogue = (await runExample(page, 'Batches', scope, 'Catalogue')) as Type;
  await start('catalogue', [catalogue], [PriceStore]);
  for (const sku of ['lamp', 'desk', 'sofa']) await transport.get(Publisher).publish(PriceChanged, { sku });
  await transport.advance(HOUR_MS);
  expect(transport.get(PriceStore).tried.sort()).toEqual(['desk', 'desk', 'lamp', 'sofa']);
});

test('handlers, "Pause and resume": the subscription is paused for the time of the move, and handles what comes after it', async () => {
  const taken: string[] = [];
  @Controller()
  class Prices {
    @Subscribe(PriceChanged)
    take(@Payload() { sku }: Price): void {
      taken.push(sku);
    }
  }
  const shelf = (await runExample('docs/guides/handlers.md', 'Pause and resume', NEST, 'Shelf')) as Type<{
    move(): Promise<void>;
  }>;
  await start('prices', [Prices], [shelf]);
  const told: string[] = [];
  transport.get(Notices).on('subscription:paused', ({ reason }) => told.push(reason));
  transport.get(Notices).on('subscription:resumed', () => told.push('goes on'));
  await transport.get(shelf).move();
  await transport.publishAndSettle(PriceChanged, { sku: 'lamp' });
  expect([told, taken]).toEqual([['the shelf is being moved', 'goes on'], ['lamp']]);
});

test('policies: while what all messages need is away the subscription is paused, and all are handled after that', async () => {
  let isAway = true;
  const reached: string[] = [];
  const fetch = async (_url: string, { body }: { body: string }): Promise<void> => {
    if (isAway) throw new Error('connect ECONNREFUSED');
    reached.push((JSON.parse(body) as { orderId: string }).orderId);
  };
  const scope = {
    ...NEST,
    OrderCreated,
    timeout,
    circuitBreaker,
    TransportModule,
    memory,
    fetch,
    url: 'http://prices',
  };
  const controller = (await runExample('docs/guides/policies.md', undefined, scope, 'PricesController')) as Type;
  await start('prices', [controller]);
  const paused: string[] = [];
  transport.get(Notices).on('subscription:paused', ({ reason }) => paused.push(reason));
  const orders = ['o-1', 'o-2', 'o-3', 'o-4', 'o-5'];
  for (const orderId of orders) await transport.get(Publisher).publish(OrderCreated, { orderId });
  await transport.advance(1_000);
  expect(paused).toEqual([expect.stringContaining('"Error: connect ECONNREFUSED" happened to 5 different keys')]);
  isAway = false;
  await transport.advance(HOUR_MS);
  expect(reached.sort()).toEqual(orders);
});

test('requests: the question of one example is answered by the controller of the other', async () => {
  const page = 'docs/guides/requests.md';
  const scope = { ...NEST, defineEvent, stockRequestSchema: anySchema, stockAnswerSchema: anySchema };
  const declared = await runExample(page, undefined, scope, '{ StockAsked, StockController }');
  const { StockAsked, StockController } = declared as { StockAsked: EventDefinition; StockController: Type };
  await start('stock', [StockController]);
  const publisher = transport.get(Publisher);
  expect(await runExample(page, undefined, { publisher, StockAsked }, 'left', 1)).toBe(3);
});

test('dead letters: after the fix the letters of that cause are sent back and handled', async () => {
  let isFixed = false;
  const reserved: string[] = [];
  @Controller()
  class Inventory {
    @Subscribe(OrderCreated, { retry: { maxAttempts: 1 } })
    reserve(@Payload() { orderId }: { orderId: string }): void {
      if (!isFixed) throw new TypeError(`shelf ${orderId === 'o-1' ? 17 : 4} is full`);
      reserved.push(orderId);
    }
  }
  const lines: unknown[][] = [];
  const scope = { ...NEST, console: { log: (...line: unknown[]) => lines.push(line) } };
  const page = 'docs/guides/dead-letters.md';
  const repair = (await runExample(page, undefined, scope, 'Repair')) as Type<{ afterTheFix(): Promise<void> }>;
  await start('inventory', [Inventory], [repair]);
  for (const orderId of ['o-1', 'o-2']) await transport.publishAndSettle(OrderCreated, { orderId });
  isFixed = true;
  const mended = transport.get(repair).afterTheFix();
  let isMended = false;
  void mended.finally(() => (isMended = true));
  while (!isMended) await transport.advance(100);
  await mended;
  await transport.advance(0);
  expect(lines[0]).toEqual([2, 'TypeError: shelf <number> is full', expect.any(Date)]);
  expect(lines.at(-1)?.[0]).toBe('2 sent back');
  expect(reserved.sort()).toEqual(['o-1', 'o-2']);
});
