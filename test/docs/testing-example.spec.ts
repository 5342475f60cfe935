import { Controller, Injectable, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, InjectPublisher, Subscribe, TransportModule, type Publisher } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { TestTransport } from 'nest-transport/testing';

const OrderCreated = defineEvent<{ orderId: string; sku: string }>('order.created', { key: (order) => order.orderId });
const StockReserved = defineEvent<{ orderId: string }>('stock.reserved');

@Injectable()
class Shelf {
  failures = 0;

  async take(): Promise<void> {
    if (this.failures-- > 0) throw new Error('the database is away');
  }
}

@Controller()
class InventoryController {
  constructor(
    private readonly shelf: Shelf,
    @InjectPublisher() private readonly publisher: Publisher,
  ) {}

  @Subscribe(OrderCreated, { retry: { maxAttempts: 3, initialDelayMs: 30_000 } })
  async reserve(@Payload() { orderId }: { orderId: string }): Promise<void> {
    await this.shelf.take();
    await this.publisher.publish(StockReserved, { orderId });
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'inventory', broker: kafka({ brokers: ['localhost:9092'] }) })],
  controllers: [InventoryController],
  providers: [Shelf],
})
class AppModule {}

describe('the inventory', () => {
  let transport: TestTransport;

  beforeEach(async () => {
    transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
  });
  afterEach(() => transport.close());

  it('reserves what was ordered', async () => {
    const story = await transport.publishAndSettle(OrderCreated, { orderId: 'o-1', sku: 'lamp' });
    story.assertAcked(OrderCreated);
    story.assertPublished(StockReserved, { orderId: 'o-1' });
  });

  it('tries again while the database is away, for minutes if need be', async () => {
    transport.get(Shelf).failures = 2;
    const story = await transport.publishAndSettle(OrderCreated, { orderId: 'o-1', sku: 'lamp' });
    story.assertRetried(OrderCreated, 2);
    story.assertPublished(StockReserved);
  });

  it('gives up in the end, and says why', async () => {
    transport.get(Shelf).failures = 3;
    const story = await transport.publishAndSettle(OrderCreated, { orderId: 'o-1', sku: 'lamp' });
    story.assertDeadLettered(OrderCreated, 'the database is away');
    story.assertNotPublished(StockReserved);
  });
});
