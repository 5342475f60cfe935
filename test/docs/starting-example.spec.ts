import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  Notices,
  Publisher,
  Subscribe,
  TransportModule,
  type MessageContext,
} from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { read } from '../architecture/tree.js';

interface Price {
  readonly sku: string;
}

// n.b. what is between the lines stands in the guide, word by word.
// guide:start
@Controller()
class RebuiltPrices {
  @Subscribe('price.changed', { group: 'prices-rebuilt', startFrom: { offsets: { 0: '2', 1: '1' } } })
  save(@Payload() price: Price, @Ctx() { partition, offset }: MessageContext): void {
    this.saved.push(`${price.sku} from ${partition}/${offset}`);
  }

  readonly saved: string[] = [];
}
// guide:end

const broker = memory({ partitions: 3 });

@Module({
  imports: [TransportModule.forRoot({ service: 'publisher', broker, logger: false })],
})
class PublisherModule {}

@Module({
  imports: [TransportModule.forRoot({ service: 'prices', broker, logger: false })],
  controllers: [RebuiltPrices],
})
class PricesModule {}

const quiet = { http: false, exitOnSignal: false, logger: false } as const;

test('the guide for handlers shows where a group begins as it is run here', () => {
  const example =
    read('test/docs/starting-example.spec.ts')
      .text.split(/\/\/ guide:\w+\n/)[1]
      ?.trim() ?? 'nothing';
  expect(read('docs/guides/handlers.md').text).toContain(example);
});

test('a group gets the message at the offset first, and a partition that is not named from its beginning', async () => {
  const past = await createTransportApp(PublisherModule, quiet);
  await past.listen();
  for (const partition of [0, 1, 2]) {
    for (const sku of ['lamp', 'desk', 'sofa'])
      await past.get(Publisher).publish('price.changed', { sku }, { partition });
  }
  const app = await createTransportApp(PricesModule, quiet);
  let left = 6;
  const allSaved = new Promise<void>((resolve) => {
    app.get(Notices).on('message:acked', () => void (--left === 0 && resolve()));
  });
  await app.listen();
  await allSaved;
  await app.close();
  await past.close();
  expect(app.get(RebuiltPrices).saved.sort()).toEqual([
    'desk from 1/1',
    'desk from 2/1',
    'lamp from 2/0',
    'sofa from 0/2',
    'sofa from 1/2',
    'sofa from 2/2',
  ]);
});
