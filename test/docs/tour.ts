import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';

type Order = { orderId: string; quantity: number };
const OrderCreated = defineEvent<Order>('order.created', { key: (order) => order.orderId });

@Controller()
class InventoryController {
  @Subscribe(OrderCreated)
  reserve(@Payload() order: Order): void {
    console.log(`reserved ${order.quantity} for ${order.orderId}`);
  }
}

const broker = memory();
@Module({ imports: [TransportModule.forRoot({ service: 'inventory', broker })], controllers: [InventoryController] })
class AppModule {}

const app = await createTransportApp(AppModule);
await app.listen(process.env['PORT'] ?? 3000); // messages come from here on; SIGTERM drains, then exit code 0
await app.get(Publisher).publish(OrderCreated, { orderId: 'o-1', quantity: 2 });
