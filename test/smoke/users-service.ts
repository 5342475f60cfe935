interface UsersBroker {
  readonly import: string;
  readonly value: string;
  readonly http: boolean;
}

/** The root module of a user, and what belongs to it. */
export function usersModule(broker: UsersBroker, topic = 'order.created'): string {
  return `
import 'reflect-metadata';
import { Controller, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, Publisher, Subscribe, TransportModule, type MessageContext } from 'nest-transport';
${broker.import}

interface Order {
  orderId: string;
  slow?: boolean;
}
const OrderCreated = defineEvent<Order>('${topic}', { key: (order) => order.orderId });

@Injectable()
export class Pool implements OnModuleDestroy {
  open = true;
  onModuleDestroy(): void {
    this.open = false;
    console.log('pool closed');
  }
}

@Controller()
export class StockController {
  constructor(private readonly pool: Pool) {}

  @Subscribe(OrderCreated)
  async reserve(@Payload() order: Order, @Ctx() context: MessageContext): Promise<void> {
    console.log('received ' + order.orderId + ' of ' + context.topic + ' as ' + context.group);
    if (order.slow !== true) return;
    // Long enough for the signal to come in the middle.
    await new Promise((resolve) => process.once('SIGTERM', () => setTimeout(resolve, 300)));
    console.log('finished ' + order.orderId + ' with the pool ' + (this.pool.open ? 'open' : 'closed'));
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'stock', broker: ${broker.value} })],
  controllers: [StockController],
  providers: [Pool],
})
export class AppModule {}
`;
}

/**
 * The whole service of a user: it publishes two orders to itself; the second is still in its handler when SIGTERM comes.
 * n.b. on the memory broker it needs HTTP: with no socket and no timer Node ends a process by itself.
 */
export function usersService(broker: UsersBroker, topic = 'order.created'): string {
  return `${usersModule(broker, topic)}
async function main(): Promise<void> {
  const app = await createTransportApp(AppModule, { ${broker.http ? '' : 'http: false, '}logger: ['warn', 'error'] });
  await app.listen(${broker.http ? '0' : ''});
  const publisher = app.get(Publisher);
  await publisher.publish(OrderCreated, { orderId: 'o-1' });
  await publisher.publish(OrderCreated, { orderId: 'o-2', slow: true });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
`;
}

export const ON_MEMORY = {
  import: "import { memory } from 'nest-transport/memory';",
  value: 'memory()',
  http: true,
};
