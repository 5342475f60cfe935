// An application that is only described: its hooks would end the process.
import { Controller, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { defineEvent, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';

const OrderCreated = defineEvent<{ id: string }>('order.created', { key: ({ id }) => id });

@Controller()
class Inventory {
  @Subscribe(OrderCreated)
  reserve(@Payload() _: unknown): void {}
}

@Injectable()
class Started implements OnModuleInit {
  onModuleInit(): void {
    throw new Error('it was started');
  }
}

console.log('the application says hello');
// What a pool of connections does: it keeps the process alive.
setInterval(() => undefined, 60_000);

@Module({
  imports: [TransportModule.forRoot({ service: 'inventory', broker: memory() })],
  controllers: [Inventory],
  providers: [Started],
})
export class InventoryModule {}
