import { Body, Controller, Get, Injectable, Module, Param, Post, type INestApplication } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  defineEvent,
  InjectPublisher,
  Notices,
  Publisher,
  Subscribe,
  TransportHealth,
  TransportModule,
  type MessageContext,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

// What two services share.
const orderCreatedSchema = z.object({ orderId: z.string(), sku: z.string(), quantity: z.number().int().positive() });
type OrderCreatedData = z.infer<typeof orderCreatedSchema>;
const OrderCreated = defineEvent('order.created', { schema: orderCreatedSchema, key: (order) => order.orderId });
const broker = memory();

// The order service.
@Controller('orders')
class OrderController {
  constructor(@InjectPublisher() private readonly publisher: Publisher) {}

  @Post()
  async place(@Body() order: OrderCreatedData): Promise<{ id: string }> {
    const { id } = await this.publisher.publish(OrderCreated, order);
    return { id };
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'order', broker, logger: false })],
  controllers: [OrderController],
})
class OrderModule {}

// The inventory service.
@Injectable()
class Stock {
  readonly reserved = new Map<string, number>();
}

@Controller('stock')
class InventoryController {
  constructor(private readonly stock: Stock) {}

  @Subscribe(OrderCreated, { group: 'inventory', concurrency: 32, retry: { maxAttempts: 5, initialDelayMs: 1 } })
  async reserve(@Payload() order: OrderCreatedData, @Ctx() context: MessageContext): Promise<void> {
    if (context.attempt === 1) throw new Error('the database is away for a moment');
    this.stock.reserved.set(order.sku, order.quantity);
  }

  @Get(':sku')
  read(@Param('sku') sku: string): { reserved: number } {
    return { reserved: this.stock.reserved.get(sku) ?? 0 };
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'inventory', broker, logger: false })],
  controllers: [InventoryController],
  providers: [Stock],
})
class InventoryModule {}

const quiet = { logger: false, abortOnError: false, exitOnSignal: false } as const;

async function listen(app: INestApplication): Promise<string> {
  const server = (await app.listen(0)) as { address(): AddressInfo };
  return `http://127.0.0.1:${server.address().port}`;
}

test('an order that comes over HTTP reaches the inventory, although its handler fails at first', async () => {
  const order = await createTransportApp(OrderModule, quiet);
  const inventory = await createTransportApp(InventoryModule, quiet);
  try {
    const [orders, stock] = [await listen(order), await listen(inventory)];
    expect(inventory.get(TransportHealth).report()).toMatchObject({ status: 'up', ready: true });
    const done = new Promise((resolve) => inventory.get(Notices).on('message:acked', resolve));
    const placed = await fetch(`${orders}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ orderId: 'o-1', sku: 'chair', quantity: 4 }),
    });
    expect(placed.status).toBe(201);
    expect(await done).toMatchObject({ topic: 'order.created', group: 'inventory', key: 'o-1', attempt: 2 });
    expect(await (await fetch(`${stock}/stock/chair`)).json()).toEqual({ reserved: 4 });
  } finally {
    await Promise.all([order.close(), inventory.close()]);
  }
});
