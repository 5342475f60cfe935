import { Controller, Injectable, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  defineEvent,
  InjectPublisher,
  isTransportError,
  Publisher,
  Subscribe,
  TransportError,
  TransportModule,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { closeStarted, start, told } from './application.js';
import { runExample } from './run-example.js';

interface Order {
  readonly orderId: string;
  readonly quantity: number;
}

const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const order = { orderId: 'o-1', quantity: 3 };
const NEST = { Controller, Injectable, InjectPublisher, Payload, Ctx, Publisher, Subscribe, OrderCreated };
const PUBLISHING = 'docs/guides/publishing.md';

let taken: Order[];
beforeEach(() => (taken = []));
afterEach(closeStarted);

@Controller()
class Orders {
  @Subscribe(OrderCreated)
  take(@Payload() each: Order): void {
    taken.push(each);
  }
}

test('publishing: what a provider publishes is handled', async () => {
  const shop = (await runExample(PUBLISHING, undefined, NEST, 'Orders')) as Type<{ place(each: Order): Promise<void> }>;
  const app = await start([Orders], undefined, [shop]);
  const handled = told(app, 'message:acked', 1);
  await app.get(shop).place(order);
  await handled;
  expect(taken).toEqual([order]);
});

test('publishing, "Publish many messages": a failure is reported by its error and affects no other message', async () => {
  const app = await start([Orders]);
  const handled = told(app, 'message:acked', 2);
  const errors: unknown[] = [];
  const orders = [order, { ...order, quantity: 1n }, { ...order, orderId: 'o-2' }];
  const console = { error: (...words: unknown[]) => errors.push(words) };
  const scope = { publisher: app.get(Publisher), OrderCreated, orders, console };
  const results = (await runExample(PUBLISHING, 'Publish many messages', scope, 'results')) as { status: string }[];
  await handled;
  expect(results.map(({ status }) => status)).toEqual(['stored', 'failed', 'stored']);
  expect(errors).toEqual([['TRANSPORT_PAYLOAD_UNENCODABLE', 'no']]);
  expect(taken.map(({ orderId }) => orderId)).toEqual(['o-1', 'o-2']);
});

test('publishing, "Errors and retries": a retryable failure is published again with the same id, other errors end it', async () => {
  const asked: unknown[] = [];
  const failures = [
    new TransportError('TRANSPORT_PUBLISH_FAILED', 'The broker is away.', { retryable: true }),
    undefined,
    new TransportError('TRANSPORT_PAYLOAD_INVALID', 'It does not fit.'),
  ];
  const publish = async (...[, , options]: unknown[]): Promise<void> => {
    asked.push(options);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const waits: number[] = [];
  const wait = async (ms: number): Promise<void> => void waits.push(ms);
  const scope = { publisher: { publish }, OrderCreated, isTransportError, wait };
  const example = await runExample(PUBLISHING, 'Errors and retries', scope, 'publishForSure');
  const publishForSure = example as (each: Order, id: string) => Promise<void>;
  await publishForSure(order, 'id-1');
  expect([asked, waits]).toEqual([[{ id: 'id-1' }, { id: 'id-1' }], [1_000]]);
  await expect(publishForSure(order, 'id-2')).rejects.toThrow('It does not fit.');
});

test('handlers: an order that came before is not reserved twice', async () => {
  const reserved: string[] = [];
  @Injectable()
  class Stock {
    isReserved = async (orderId: string): Promise<boolean> => reserved.includes(orderId);
    reserve = async ({ orderId }: Order): Promise<void> => void reserved.push(orderId);
  }
  const stock = (await runExample('docs/guides/handlers.md', undefined, { ...NEST, Stock }, 'StockController')) as Type;
  const app = await start([stock], undefined, [Stock]);
  const handled = told(app, 'message:acked', 2);
  for (let times = 0; times < 2; times++) await app.get(Publisher).publish(OrderCreated, order, { id: 'same' });
  await handled;
  expect(reserved).toEqual(['o-1']);
});

test('policies, "Custom policy": it logs how long each handler took', async () => {
  const lines: string[] = [];
  const scope = { ...NEST, performance, console: { log: (line: string) => lines.push(line) } };
  const timed = (await runExample('docs/guides/policies.md', 'Custom policy', scope, 'TimedController')) as Type;
  const app = await start([timed]);
  const handled = told(app, 'message:acked', 1);
  await app.get(Publisher).publish(OrderCreated, order);
  await handled;
  expect(lines).toEqual([expect.stringMatching(/^order\.created took \d+ ms$/)]);
});

test('Nest, "Publishing": one provider publishes on two brokers', async () => {
  const audited: unknown[] = [];
  @Controller()
  class Audit {
    @Subscribe('audit.written', { broker: 'audit' })
    take(@Payload() each: unknown): void {
      audited.push(each);
    }
  }
  const checkout = await runExample('docs/guides/nest.md', 'Publishing', NEST, 'Checkout');
  const shop = checkout as Type<{ place(each: Order): Promise<void> }>;
  const brokers = { main: memory(), audit: memory() };
  const transport = TransportModule.forRoot({ service: 'shop', brokers, logger: false });
  const app = await start([Orders, Audit], transport, [shop]);
  const handled = told(app, 'message:acked', 2);
  await app.get(shop).place(order);
  await handled;
  expect([taken, audited]).toEqual([[order], [{ orderId: 'o-1' }]]);
});
