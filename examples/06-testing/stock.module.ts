import { Controller, Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { defineEvent, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';

export type Order = { orderId: string };
export const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
export const StockReserved = defineEvent<Order>('stock.reserved', { key: ({ orderId }) => orderId });

@Injectable()
export class Warehouse {
  failures = 0;

  take(): void {
    if (this.failures-- > 0) throw new Error('the warehouse does not answer');
  }
}

@Controller()
class StockController {
  constructor(
    private readonly warehouse: Warehouse,
    private readonly publisher: Publisher,
  ) {}

  @Subscribe(OrderCreated, { retry: { maxAttempts: 3, initialDelayMs: 30_000 } })
  async reserve(@Payload() { orderId }: Order): Promise<void> {
    this.warehouse.take();
    await this.publisher.publish(StockReserved, { orderId });
  }
}

/** The module of a service on Kafka, as it runs in production. */
@Module({
  imports: [TransportModule.forRoot({ service: 'stock', broker: kafka({ brokers: ['localhost:9092'] }) })],
  controllers: [StockController],
  providers: [Warehouse],
})
export class StockModule {}
