import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
import { read } from '../architecture/tree.js';
import { blocksOf } from './markdown.js';

const OrderCreated = defineEvent<{ orderId: string }>('order.created');
const DAY_MS = 86_400_000;

/** The example of the guide, as a function of what it uses. */
function exampleOf(guide: string): (publisher: Publisher, event: typeof OrderCreated, order: object) => Promise<void> {
  const [, section = ''] = guide.split('\n## Delayed delivery\n');
  const text = blocksOf(section).find(({ info }) => info === 'ts')?.text ?? 'throw new Error("no example")';
  return new Function('publisher', 'OrderCreated', 'order', `return (async () => { ${text} })()`) as never;
}

test('the example of the publishing guide delivers one message after a minute, and one at the moment that it names', async () => {
  const handledAt: number[] = [];
  @Controller()
  class Orders {
    @Subscribe(OrderCreated)
    take(@Payload() _order: { orderId: string }): void {
      handledAt.push(transport.clock.now());
    }
  }
  @Module({ imports: [TransportModule.forRoot({ service: 'shop', broker: memory() })], controllers: [Orders] })
  class AppModule {}

  const transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
  try {
    const begunAt = transport.clock.now();
    await exampleOf(read('docs/guides/publishing.md').text)(transport.get(Publisher), OrderCreated, { orderId: 'o-1' });
    const daysLeft = Math.ceil((Date.UTC(2027, 0, 1) - begunAt) / DAY_MS);
    await transport.advance(59_999);
    expect(handledAt).toEqual([]);
    await transport.advance(1);
    await transport.advance(daysLeft * DAY_MS);
    expect(handledAt).toEqual([begunAt + 60_000, Date.UTC(2027, 0, 1)]);
  } finally {
    await transport.close();
  }
});
