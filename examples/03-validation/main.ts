import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, isTransportError, Notices, Publisher, Subscribe } from 'nest-transport';
import { TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { z } from 'zod';

const orderSchema = z.object({ orderId: z.string(), quantity: z.int().positive() });
type Order = z.infer<typeof orderSchema>;
const OrderCreated = defineEvent('order.created', { schema: orderSchema, key: ({ orderId }) => orderId });

@Controller()
class OrdersController {
  @Subscribe(OrderCreated)
  handle(@Payload() { orderId, quantity }: Order): void {
    console.log(`handled ${orderId}: ${quantity}`);
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'shop', broker: memory() })],
  controllers: [OrdersController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { http: false, logger: false });
await app.listen();
const publisher = app.get(Publisher);

const acked = new Promise((resolve) => app.get(Notices).on('message:acked', resolve));
await publisher.publish(OrderCreated, { orderId: 'o-1', quantity: 2 });
await acked;

try {
  await publisher.publish(OrderCreated, { orderId: 'o-2', quantity: 0 });
} catch (error) {
  if (isTransportError(error)) console.log(`rejected: ${error.code}, stored: ${error.stored}`);
}

// Another program does not use the event, so nothing checks its message before it arrives.
const deadLettered = new Promise<string>((resolve) => {
  app.get(Notices).on('message:dead-lettered', ({ deadLetterTopic }) => resolve(deadLetterTopic));
});
await publisher.publish('order.created', { orderId: 'o-3', quantity: 'many' }, { key: 'o-3' });
console.log(`dead letter in ${await deadLettered}`);
await app.close();
