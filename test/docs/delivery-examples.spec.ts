import { Catch, Controller, Injectable, Module, Post, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { Pool } from 'pg';
import { throwError } from 'rxjs';
import {
  DeadLetter,
  defineEvent,
  Drop,
  Notices,
  Publisher,
  PublishErrorFilter,
  RetryAfter,
  Subscribe,
  TransportError,
  TransportModule,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
import { runExample } from './run-example.js';

interface Order {
  readonly orderId: string;
  readonly quantity: number;
}

const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const StockReserved = defineEvent<{ orderId: string }>('stock.reserved');
const SEMANTICS = 'docs/guides/delivery-semantics.md';
const ERRORS = 'docs/guides/error-handling.md';
const NEST = { Controller, Injectable, Payload, Ctx, Publisher, Subscribe, Notices, OrderCreated, StockReserved };
const order = { orderId: 'o-1', quantity: 3 };

let transport: TestTransport | undefined;
afterEach(async () => {
  await transport?.close();
  transport = undefined;
});

async function start(
  controllers: readonly Type[],
  providers: NonNullable<Parameters<typeof Module>[0]['providers']> = [],
): Promise<TestTransport> {
  @Module({
    imports: [TransportModule.forRoot({ service: 'shop', broker: memory() })],
    controllers: [...controllers],
    providers,
  })
  class AppModule {}
  transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
  return transport;
}

/** A table of ids and a number, with transactions: the statements of the example also run on PostgreSQL. */
class Database {
  state = { handled: [] as unknown[], reserved: 0 };
  failures = 1;
  #before = this.state;

  query(text: string, values: readonly unknown[] = []): { rowCount: number } {
    if (text === 'BEGIN') this.#before = this.state;
    if (text === 'ROLLBACK') this.state = this.#before;
    if (text.startsWith('UPDATE')) this.#reserve(Number(values[0]));
    const isNew = text.startsWith('INSERT') && !this.state.handled.includes(values[0]);
    if (isNew) this.state = { ...this.state, handled: [...this.state.handled, values[0]] };
    return { rowCount: isNew ? 1 : 0 };
  }

  #reserve(quantity: number): void {
    if (this.failures-- > 0) throw new Error('deadlock');
    this.state = { ...this.state, reserved: this.state.reserved + quantity };
  }
}

test('delivery semantics: a message that is delivered twice is reserved once, also after an attempt that failed', async () => {
  const database = new Database();
  const query = (text: string, values?: unknown[]) => Promise.resolve().then(() => database.query(text, values));
  const pool = { connect: () => Promise.resolve({ query, release: () => undefined }) };
  const stock = (await runExample(SEMANTICS, 'Idempotent handlers', { ...NEST, Pool }, 'StockController')) as Type;
  const started = await start([stock], [{ provide: Pool, useValue: pool }]);
  const story = await started.publishAndSettle(OrderCreated, order, { id: 'm-1' });
  story.assertRetried(OrderCreated, 1);
  (await started.publishAndSettle(OrderCreated, order, { id: 'm-1' })).assertAcked(OrderCreated);
  expect(database.state).toEqual({ handled: ['m-1'], reserved: 3 });
});

test('delivery semantics: a second delivery publishes under the id of the first', async () => {
  const orders = (await runExample(SEMANTICS, 'Idempotent handlers', NEST, 'OrdersController', 2)) as Type;
  const started = await start([orders]);
  await started.publishAndSettle(OrderCreated, order, { id: 'm-1' });
  await started.publishAndSettle(OrderCreated, order, { id: 'm-1' });
  expect(started.story.published(StockReserved).map(({ id }) => id)).toEqual(['m-1/reserved', 'm-1/reserved']);
});

test('error handling: each error of the example has the outcome that its table says', async () => {
  const thrown = new Map<string, unknown>();
  @Injectable()
  class Bank {
    charge({ orderId }: Order): Promise<void> {
      return thrown.has(orderId) ? Promise.reject(thrown.get(orderId) as Error) : Promise.resolve();
    }
  }
  const scope = { ...NEST, Bank, DeadLetter, Drop, RetryAfter };
  const [payments, CardDeclined] = (await runExample(
    ERRORS,
    'When a handler throws',
    scope,
    '[PaymentsController, CardDeclined]',
  )) as [Type, new () => Error];
  const started = await start([payments], [Bank]);
  const outcomeOf = async (orderId: string, quantity: number, error?: unknown) => {
    if (error !== undefined) thrown.set(orderId, error);
    const story = await started.publishAndSettle(OrderCreated, { orderId, quantity });
    return [story.acked(OrderCreated), story.drops().length, story.retries().length, story.deadLetters().length];
  };
  expect(await outcomeOf('free', 0)).toEqual([expect.anything(), 1, 0, 0]);
  expect((await outcomeOf('negative', -1)).slice(1)).toEqual([0, 0, 1]);
  expect((await outcomeOf('declined', 1, new CardDeclined())).slice(1)).toEqual([0, 0, 1]);
  expect((await outcomeOf('down', 1, new Error('connection refused'))).slice(1)).toEqual([0, 4, 1]);
  thrown.set('limited', new Error('status 429'));
  const limited = await started.publishAndSettle(OrderCreated, { orderId: 'limited', quantity: 1 });
  expect(limited.retries().map(({ delayMs }) => delayMs)).toEqual([60_000, 60_000, 60_000, 60_000]);
});

test('error handling, "Exception filters": one database error is retried, the other is a dead letter at once', async () => {
  const scope = { Catch, throwError, DeadLetter, RetryAfter };
  const [DatabaseError, DatabaseFilter] = (await runExample(
    ERRORS,
    'Exception filters',
    scope,
    '[DatabaseError, DatabaseFilter]',
  )) as [new (code: string) => Error, Type];
  @Controller()
  class Orders {
    @Subscribe(OrderCreated, { retry: { maxAttempts: 2 } })
    handle(@Payload() { orderId }: Order): void {
      throw new DatabaseError(orderId);
    }
  }
  const started = await start([Orders], [{ provide: APP_FILTER, useClass: DatabaseFilter }]);
  const busy = await started.publishAndSettle(OrderCreated, { orderId: '53300', quantity: 1 });
  expect(busy.retries().map(({ delayMs }) => delayMs)).toEqual([5_000]);
  const broken = await started.publishAndSettle(OrderCreated, { orderId: '42601', quantity: 1 });
  expect(broken.retries()).toEqual([]);
  broken.assertDeadLettered(OrderCreated, 'database error 42601');
});

test('error handling, "Publish errors": a retryable one is 503 over HTTP, another 500, and a handler classifies it', async () => {
  const scope = { Module, APP_FILTER, PublishErrorFilter };
  const withFilter = (await runExample(ERRORS, 'Publish errors', scope, 'HttpErrorsModule')) as Type;
  const providers = Reflect.getMetadata('providers', withFilter) as Parameters<typeof start>[1];
  const failure = (retryable: boolean) =>
    new TransportError('TRANSPORT_PUBLISH_FAILED', 'the broker is busy', { retryable, stored: 'no' });
  @Controller()
  class Orders {
    @Post('busy')
    busy(): void {
      throw failure(true);
    }

    @Post('rejected')
    rejected(): void {
      throw failure(false);
    }

    @Subscribe(OrderCreated, { retry: { maxAttempts: 2 } })
    handle(): void {
      throw failure(true);
    }
  }
  const started = await start([Orders], providers);
  await started.app.listen(0);
  const address = await started.app.getUrl();
  const statusOf = async (path: string) => (await fetch(`${address}/${path}`, { method: 'POST' })).status;
  expect([await statusOf('busy'), await statusOf('rejected')]).toEqual([503, 500]);
  const story = await started.publishAndSettle(OrderCreated, order);
  story.assertRetried(OrderCreated, 1);
  story.assertDeadLettered(OrderCreated, 'the broker is busy');
});
