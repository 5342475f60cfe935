import { Controller, Injectable, Module, type Type } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { TestTransport } from 'nest-transport/testing';
import ts from 'typescript';
import { read } from '../architecture/tree.js';
import { blocksOf } from './markdown.js';

const OrderCreated = defineEvent<{ orderId: string }>('order.created', { key: ({ orderId }) => orderId });
const MINUTE_MS = 60_000;

@Injectable()
class Bank {
  readonly calls: { readonly orderId: string; readonly at: number }[] = [];
  now = (): number => 0;
  isOpen = (_orderId: string): boolean => false;

  async charge({ orderId }: { orderId: string }): Promise<void> {
    this.calls.push({ orderId, at: this.now() });
    if (!this.isOpen(orderId)) throw new Error('the bank is away');
  }

  minutesOf(orderId: string): number[] {
    return this.calls.filter((call) => call.orderId === orderId).map(({ at }) => Math.floor(at / MINUTE_MS));
  }
}

/** The controller of the guide, as it stands there. */
function exampleOf(guide: string): Type {
  const [, section = ''] = guide.split('\n## Long retries on the broker\n');
  const text = blocksOf(section).find(({ info }) => info === 'ts')?.text ?? 'throw new Error("no example")';
  const compilerOptions = { experimentalDecorators: true, emitDecoratorMetadata: true, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  const names = { Controller, Payload, Subscribe, OrderCreated, Bank };
  return new Function(...Object.keys(names), `${outputText}\nreturn Payments;`)(...Object.values(names)) as Type;
}

let transport: TestTransport;
let bank: Bank;

beforeEach(async () => {
  @Module({
    imports: [TransportModule.forRoot({ service: 'shop', broker: memory() })],
    controllers: [exampleOf(read('docs/guides/handlers.md').text)],
    providers: [Bank],
  })
  class AppModule {}
  transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }));
  bank = transport.get(Bank);
  const begunAt = transport.clock.now();
  bank.now = () => transport.clock.now() - begunAt;
});
afterEach(() => transport.close());

test('the example of the guide tries three times, a minute later three times, and ten minutes later until the bank is back', async () => {
  const publisher = transport.get(Publisher);
  bank.isOpen = () => bank.now() > 11 * MINUTE_MS;
  await publisher.publish(OrderCreated, { orderId: 'o-1' });
  await transport.advance(2 * MINUTE_MS);
  expect(bank.minutesOf('o-1')).toEqual([0, 0, 0, 1, 1, 1]);
  await transport.advance(10 * MINUTE_MS);
  expect(bank.minutesOf('o-1')).toEqual([0, 0, 0, 1, 1, 1, 11]);
});

test('it gives up after nine attempts, and others are handled while one waits', async () => {
  const publisher = transport.get(Publisher);
  bank.isOpen = (orderId) => orderId !== 'o-1';
  await publisher.publish(OrderCreated, { orderId: 'o-1' });
  await transport.advance(30_000);
  await publisher.publish(OrderCreated, { orderId: 'o-2' });
  await transport.advance(0);
  expect([bank.minutesOf('o-1').length, bank.minutesOf('o-2').length]).toEqual([3, 1]);
  const story = await transport.publishAndSettle(OrderCreated, { orderId: 'o-3' });
  story.assertAcked(OrderCreated);
  await transport.advance(12 * MINUTE_MS);
  expect(bank.minutesOf('o-1')).toEqual([0, 0, 0, 1, 1, 1, 11, 11, 11]);
  transport.story.assertDeadLettered(OrderCreated);
});

test('a test of the user’s own need not wait for it: publishAndSettle goes through all tiers', async () => {
  const story = await transport.publishAndSettle(OrderCreated, { orderId: 'o-1' });
  story.assertRetried(OrderCreated, 8);
  story.assertDeadLettered(OrderCreated, 'the bank is away');
});
