import 'reflect-metadata';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { defineEvent, type MessageContext, type StandardSchema } from '../../contract/index.js';
import { CONTEXT, NEST_PARAMETERS, PAYLOAD } from '../handlers/provider-context.js';
import { Subscribe } from './subscribe.decorator.js';
import { subscriptionsOf } from './subscription-metadata.js';

/** Checked by tsc: a refusal that is no longer one makes its `@ts-expect-error` an error. */
const Created = defineEvent<{ id: string; count: number }>('created');
const transforming = {} as StandardSchema<{ at: string }, { at: Date }>;
const Stamped = { ...defineEvent<{ at: string }, { at: Date }>('stamped'), schema: transforming };

class Dto {
  id!: string;
}

class Handlers {
  @Subscribe(Created)
  whole(@Payload() _order: { id: string; count: number }, @Ctx() _context: MessageContext): void {}
  @Subscribe(Created)
  async part(@Payload() _order: { id: string }): Promise<void> {}
  @Subscribe(Created)
  dto(@Payload() _order: Dto): void {}
  @Subscribe(Created)
  anything(_order: unknown): void {}
  @Subscribe(Created, { group: 'g', broker: 'b', concurrency: 2, retry: { maxAttempts: 1 }, deadLetterTopic: false })
  nothing(): void {}
  @Subscribe(Stamped)
  output(@Payload() { at }: { at: Date }): number {
    return at.getTime();
  }
  @Subscribe('a.topic')
  untyped(@Ctx() _context: MessageContext, @Payload('id') _id: string): void {}

  // @ts-expect-error another payload
  @Subscribe(Created)
  wrong(@Payload() _order: { id: number }): void {}
  // @ts-expect-error a field that the event does not have
  @Subscribe(Created)
  missing(@Payload() _order: { id: string; name: string }): void {}
  // @ts-expect-error the schema's input in place of its output
  @Subscribe(Stamped)
  input(@Payload() _stamp: { at: string }): void {}
  // @ts-expect-error the context first: name the topic instead of the event
  @Subscribe(Created)
  contextFirst(@Ctx() _context: MessageContext, @Payload() _order: unknown): void {}
  // @ts-expect-error an option that does not exist
  @Subscribe(Created, { concurency: 2 })
  misspelt(): void {}
  // @ts-expect-error batches are not there yet
  @Subscribe(Created, { group: 'g', batch: { size: 10 } })
  batch(_orders: unknown): void {}
  // @ts-expect-error a value of another type
  @Subscribe(Created, { concurrency: '2' })
  text(): void {}
}

test('the decorator notes what it was told, where a reader finds it', () => {
  expect(subscriptionsOf(Handlers.prototype.nothing)).toEqual([
    {
      pattern: 'created',
      topic: 'created',
      event: Created,
      options: { group: 'g', broker: 'b', concurrency: 2, retry: { maxAttempts: 1 }, deadLetterTopic: false },
      where: 'Handlers.nothing',
    },
  ]);
});

test('Nest keeps patterns under the key that we look for', () => {
  class Stock {
    @EventPattern('x')
    on(_: unknown): void {}
  }
  expect(Reflect.getMetadata('microservices:pattern', Stock.prototype.on)).toEqual(['x']);
});

test('Nest keeps what parameters are under the key and the numbers that we look for', () => {
  class Stock {
    on(@Payload('n') _n: unknown, @Ctx() _context: unknown): void {}
  }
  const noted = Reflect.getMetadata(NEST_PARAMETERS, Stock, 'on') as Record<string, object>;
  expect(noted[`${PAYLOAD}:0`]).toMatchObject({ index: 0, data: 'n' });
  expect(noted[`${CONTEXT}:1`]).toMatchObject({ index: 1 });
});
