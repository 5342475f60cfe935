import { Controller, Module, type INestApplicationContext, type ModuleMetadata, type Type } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, type MessageContext } from '../contract/index.js';
import { memory } from '../drivers/memory/index.js';
import { Publisher } from '../publishing/index.js';
import { connectTransport, Subscribe, TransportHealth, TransportModule } from './index.js';

const OrderCreated = defineEvent<{ orderId: string }>('order.created', { key: (order) => order.orderId });

test('first light', async () => {
  const seen: unknown[] = [];
  let got = (): void => {};
  const done = new Promise<void>((resolve) => (got = resolve));
  @Controller()
  class InventoryController {
    @Subscribe(OrderCreated)
    async reserve(@Payload() order: { orderId: string }, @Ctx() context: MessageContext): Promise<void> {
      seen.push(order, context.topic, context.group, context.attempt);
      got();
    }
  }
  @Module({
    imports: [TransportModule.forRoot({ service: 'inventory', broker: memory() })],
    controllers: [InventoryController],
  })
  class AppModule {}
  const app = connectTransport((await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication());
  await app.init();
  expect(app.get(TransportHealth).isReady()).toBe(true);
  await app.get(Publisher).publish(OrderCreated, { orderId: 'o-1' });
  await done;
  expect(seen).toEqual([{ orderId: 'o-1' }, 'order.created', 'inventory', 1]);
  await app.close();
  expect(app.get(TransportHealth).isReady()).toBe(false);
});
