import { Controller, Module, NotFoundException } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, isTransportError, Publisher, Respond, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { z } from 'zod';

const requestSchema = z.object({ sku: z.string() });
type StockRequest = z.infer<typeof requestSchema>;
const StockRequested = defineEvent('stock.requested', {
  schema: requestSchema,
  answer: z.object({ available: z.int() }),
});

@Controller()
class StockController {
  private readonly stock = new Map([['lamp', 7]]);

  @Respond(StockRequested)
  available(@Payload() { sku }: StockRequest): { available: number } {
    const available = this.stock.get(sku);
    if (available === undefined) throw new NotFoundException(`there is no product ${sku}`);
    return { available };
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'stock', broker: memory() })],
  controllers: [StockController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { http: false, logger: false });
await app.listen();
const publisher = app.get(Publisher);

const { available } = await publisher.request(StockRequested, { sku: 'lamp' }, { timeoutMs: 5_000 });
console.log(`lamp: ${available} available`);

try {
  await publisher.request(StockRequested, { sku: 'sofa' }, { timeoutMs: 5_000 });
} catch (error) {
  if (!isTransportError(error)) throw error;
  console.log(`sofa: ${error.code}: ${(error.cause as Error).message}`);
}
await app.close();
