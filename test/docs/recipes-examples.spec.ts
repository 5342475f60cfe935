import { AsyncLocalStorage } from 'node:async_hooks';
import {
  Controller,
  Get,
  HttpCode,
  HttpException,
  Injectable,
  Logger,
  Module,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { plainToInstance } from 'class-transformer';
import { IsInt, IsString, Min, validate } from 'class-validator';
import { tap } from 'rxjs';
import {
  defineEvent,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportModule,
  type EventDefinition,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
import { runExample } from './run-example.js';

interface Order {
  readonly orderId: string;
  readonly quantity: number;
}

const RECIPES = 'docs/guides/recipes.md';
const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const order = { orderId: 'o-1', quantity: 3 };
const DTO = { IsInt, IsString, Min, defineEvent };

let transport: TestTransport | undefined;
afterEach(async () => {
  await transport?.close();
  transport = undefined;
});

async function start(
  controllers: readonly Type[],
  messaging: DynamicModule = TransportModule.forRoot({ service: 'shop', broker: memory() }),
): Promise<TestTransport> {
  @Module({ imports: [messaging], controllers: [...controllers] })
  class AppModule {}
  transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
  return transport;
}

test('class-validator: a handler gets an instance, and a message that does not fit is a dead letter at once', async () => {
  const scope = { ...DTO, Controller, UsePipes, ValidationPipe, Payload, Subscribe };
  const [orders, OrderPlaced, PlaceOrder] = (await runExample(
    RECIPES,
    'class-validator DTOs',
    scope,
    '[OrdersController, OrderPlaced, PlaceOrder]',
  )) as [Type<{ placed: unknown[] }>, EventDefinition<object>, Type];
  const started = await start([orders]);
  await started.publishAndSettle(OrderPlaced, { ...order, more: true });
  const story = await started.publishAndSettle(OrderPlaced, { ...order, quantity: 0 });
  story.assertDeadLettered(OrderPlaced, 'Bad Request');
  expect(story.retries()).toEqual([]);
  expect(started.get(orders).placed).toEqual([Object.assign(new PlaceOrder(), order)]);
});

test('class-validator: with a schema of the class, a publish that does not fit is rejected', async () => {
  const scope = { ...DTO, plainToInstance, validate };
  const placed = (await runExample(
    RECIPES,
    'class-validator DTOs',
    scope,
    'OrderPlaced',
    1,
  )) as EventDefinition<object>;
  const publisher = (await start([])).get(Publisher);
  await publisher.publish(placed, order);
  await expect(publisher.publish(placed, { orderId: 'o-1', quantity: 0.5 })).rejects.toMatchObject({
    code: 'TRANSPORT_PAYLOAD_INVALID',
    message: expect.stringContaining('quantity must be an integer number') as string,
  });
});

test('guards and interceptors: a message without a tenant never reaches its handler, the others are timed', async () => {
  const lines: string[] = [];
  const scope = {
    Injectable,
    tap,
    Logger: class extends Logger {
      override log = (line: string) => void lines.push(line);
    },
  };
  const [guard, interceptor] = (await runExample(
    RECIPES,
    'Guards and interceptors with MessageContext',
    scope,
    '[TenantGuard, TimingInterceptor]',
  )) as [Type, Type];
  let handled = 0;
  @Controller()
  @UseGuards(guard)
  @UseInterceptors(interceptor)
  class Orders {
    @Subscribe(OrderCreated)
    handle(): void {
      handled += 1;
    }
  }
  const started = await start([Orders]);
  (await started.publishAndSettle(OrderCreated, order)).assertDeadLettered(OrderCreated);
  const story = await started.publishAndSettle(OrderCreated, order, { id: 'm-1', headers: { tenant: 'blue' } });
  story.assertAcked(OrderCreated);
  expect(handled).toBe(1);
  expect(lines).toEqual([expect.stringMatching(/^order\.created m-1 attempt 1: \d+ ms$/)]);
});

test('CLS: the policy gives what a handler calls the correlation id of its message', async () => {
  const scope = { AsyncLocalStorage, TransportModule, memory };
  const heading = 'CLS: request context with nestjs-cls';
  const [correlation, messaging] = (await runExample(RECIPES, heading, scope, '[correlation, messaging]')) as [
    AsyncLocalStorage<string>,
    DynamicModule,
  ];
  const seen: unknown[] = [];
  @Controller()
  class Orders {
    @Subscribe(OrderCreated)
    async handle(): Promise<void> {
      await Promise.resolve();
      seen.push(correlation.getStore());
    }
  }
  const started = await start([Orders], messaging);
  await started.publishAndSettle(OrderCreated, order, { headers: { 'correlation-id': 'c-1' } });
  await started.publishAndSettle(OrderCreated, order, { id: 'm-2' });
  expect(seen).toEqual(['c-1', 'm-2']);
});

test('deployment: the readiness route is 200 while messages flow and 503 from a drain on, the liveness route is 200', async () => {
  const scope = { Controller, Get, HttpCode, HttpException, TransportHealth };
  const health = (await runExample(
    'docs/guides/deployment.md',
    'Kubernetes probes',
    scope,
    'HealthController',
  )) as Type;
  const started = await start([health]);
  await started.app.listen(0);
  const address = await started.app.getUrl();
  const statusOf = async (path: string) => (await fetch(`${address}/health/${path}`)).status;
  expect([await statusOf('ready'), await statusOf('live')]).toEqual([200, 200]);
  await started.get(TransportHealth).drain();
  expect([await statusOf('ready'), await statusOf('live')]).toEqual([503, 200]);
});
