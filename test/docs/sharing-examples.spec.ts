import { Controller, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { BrokerHandle, defineEvent, Publisher, Subscribe } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { closeStarted, on, start, told } from './application.js';
import { runExample } from './run-example.js';

const PAGE = 'docs/guides/handlers.md';
const NEST = { Controller, Payload, Subscribe, defineEvent };

afterEach(closeStarted);

test('handlers, "Broadcast to all instances": each of two instances gets each message', async () => {
  const cache = (await runExample(PAGE, 'Broadcast to all instances', NEST, 'PriceCache')) as Type<{ fresh: string[] }>;
  const transport = on(memory());
  const instances = [await start([cache], transport), await start([cache], transport)];
  const handled = instances.map((app) => told(app, 'message:acked', 2));
  for (const sku of ['lamp', 'desk']) await instances[0]?.get(Publisher).publish('price.changed', { sku });
  await Promise.all(handled);
  expect(instances.map((app) => app.get(cache).fresh.sort())).toEqual([
    ['desk', 'lamp'],
    ['desk', 'lamp'],
  ]);
});

test('handlers, "Several types on one topic": handled in the order in which they were published, and what nobody takes is a dead letter', async () => {
  const result = '{ Placed, Cancelled, Orders }';
  const example = await runExample(PAGE, 'Several event types on one topic', NEST, result);
  const { Placed, Cancelled, Orders } = example as {
    Placed: ReturnType<typeof defineEvent<{ orderId: string }>>;
    Cancelled: ReturnType<typeof defineEvent<{ orderId: string }>>;
    Orders: Type<{ log: string[] }>;
  };
  const Returned = defineEvent<{ orderId: string }>('order.returned', { topic: 'orders', key: () => 'o-1' });
  const app = await start([Orders]);
  const [handled, refused] = [told(app, 'message:acked', 2), told(app, 'message:dead-lettered', 1)];
  for (const event of [Placed, Returned, Cancelled]) await app.get(Publisher).publish(event, { orderId: 'o-1' });
  await Promise.all([handled, refused]);
  expect(app.get(Orders).log).toEqual(['placed o-1', 'cancelled o-1']);
});

test('handlers, "Once more": the messages of the window are handled again, and no others', async () => {
  const taken: string[] = [];
  @Controller()
  class Prices {
    @Subscribe('price.changed')
    take(@Payload() { sku }: { sku: string }): void {
      taken.push(sku);
    }
  }
  const app = await start([Prices]);
  const published = async (sku: string): Promise<Date> => {
    const handled = told(app, 'message:acked', 1);
    await app.get(Publisher).publish('price.changed', { sku });
    await handled;
    await nextMillisecond();
    return new Date();
  };
  const deployedAt = await published('lamp');
  await nextMillisecond();
  const rolledBackAt = await published('desk');
  await nextMillisecond();
  await published('sofa');
  const scope = { broker: app.get(BrokerHandle), fault: { began: deployedAt, ended: rolledBackAt } };
  expect(await runExample(PAGE, 'Replay', scope, 'report')).toMatchObject({ messages: 1 });
  expect(taken).toEqual(['lamp', 'desk', 'sofa', 'desk']);
});

async function nextMillisecond(): Promise<void> {
  for (const now = Date.now(); Date.now() === now;) await new Promise(setImmediate);
}
