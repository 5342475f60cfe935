import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { createTransportApp, defineEvent, Notices, Publisher, Subscribe, TransportModule } from 'nest-transport';
import type { MessageContext } from 'nest-transport';
import { memory } from 'nest-transport/memory';

type Price = { sku: string; cents: number };
const PriceChanged = defineEvent<Price>('price.changed', { key: ({ sku }) => sku });
const prices = Array.from({ length: 20 }, (_, index) => ({ sku: `sku-${index}`, cents: 100 + index }));
let locked = true;

@Controller()
class PricesController {
  @Subscribe(PriceChanged, {
    batch: { maxMessages: 10, maxWaitMs: 200 },
    ordering: 'none',
    retry: { initialDelayMs: 20 },
  })
  save(@Payload() batch: Price[], @Ctx() contexts: MessageContext[]): (Error | undefined)[] {
    const outcomes = batch.map(({ sku }) => (sku === 'sku-7' && locked ? new Error('the row is locked') : undefined));
    const attempts = new Set(contexts.map(({ attempt }) => attempt));
    console.log(
      `saved ${outcomes.filter((each) => each === undefined).length} of ${batch.length}, attempt ${[...attempts].join()}`,
    );
    if (outcomes.some((each) => each !== undefined)) locked = false;
    return outcomes; // an Error fails its own message only
  }
}

@Module({
  imports: [TransportModule.forRoot({ service: 'prices', broker: memory({ partitions: 1 }) })],
  controllers: [PricesController],
})
class AppModule {}

const app = await createTransportApp(AppModule, { http: false, logger: false });
await app.listen();

const allAcked = new Promise<void>((resolve) => {
  let acked = 0;
  app.get(Notices).on('message:acked', () => void (++acked === prices.length && resolve()));
});
await app.get(Publisher).publishMany(
  PriceChanged,
  prices.map((payload) => ({ payload })),
);
await allAcked;
await app.close();
