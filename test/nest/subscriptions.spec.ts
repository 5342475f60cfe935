import {
  BadRequestException,
  Controller,
  Injectable,
  UseGuards,
  UseInterceptors,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  BrokerHandle,
  defineEvent,
  InjectBroker,
  RetryAfter,
  Subscribe,
  TransportHealth,
  type MessageContext,
  type NoticeMap,
  type PolicyFunction,
} from 'nest-transport';
import { z } from 'zod';
import { boot, closeAll, next } from './boot.js';

interface Price {
  readonly sku: string;
  readonly cents: number;
}
const PriceChanged = defineEvent<Price>('price.changed', { key: ({ sku }) => sku });
const PriceChecked = defineEvent('price.checked', { schema: z.object({ sku: z.string() }) });
const prices = (...skus: string[]): Price[] => skus.map((sku) => ({ sku, cents: 1 }));

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

afterEach(closeAll);

/** Resolves when so many notices of a name have come. */
function countOf(notices: Parameters<typeof next>[0], name: keyof NoticeMap, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    notices.on(name, () => --left === 0 && resolve());
  });
}

test('what a handler does to its headers reaches neither another group nor its dead letter', async () => {
  const seen: unknown[] = [];
  @Controller()
  class Groups {
    @Subscribe('moved', { group: 'first' })
    first(@Payload() _: unknown, @Ctx() { headers }: MessageContext): void {
      (headers as Record<string, string>)['tenant'] = 'evil';
    }

    @Subscribe('moved', { group: 'second' })
    async second(@Payload() _: unknown, @Ctx() context: MessageContext): Promise<void> {
      for (let turn = 0; turn < 5; turn++) await tick();
      seen.push(context.headers['tenant']);
    }
  }
  const { publisher, notices } = await boot({ controllers: [Groups] });
  const ends = [countOf(notices, 'message:acked', 1), countOf(notices, 'message:dead-lettered', 1)];
  notices.on('message:dead-lettered', ({ error }) => seen.push((error as Error).name));
  await publisher.publish('moved', {}, { headers: { tenant: 'ours' } });
  await Promise.all(ends);
  expect(seen.sort()).toEqual(['TypeError', 'ours']);
});

test('a policy of a user gets the same context as its handler', async () => {
  const contexts: unknown[] = [];
  const noting: PolicyFunction = (next) => (payload, context) => {
    contexts.push(context);
    return next(payload, context);
  };
  @Controller()
  class Moves {
    @Subscribe('moved', { policies: [noting] })
    move(@Payload() _: unknown, @Ctx() context: MessageContext): void {
      contexts.push(context);
    }
  }
  const { publisher, notices } = await boot({ controllers: [Moves] });
  const acked = countOf(notices, 'message:acked', 1);
  await publisher.publish('moved', {});
  await acked;
  expect(contexts[0]).toBe(contexts[1]);
  expect('settle' in (contexts[0] as object)).toBe(false);
});

describe('a handler of batches', () => {
  test('gets arrays of payloads and contexts through guards, and only the message that failed comes again', async () => {
    const batches: string[][] = [];
    const guarded: number[] = [];
    @Injectable()
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        return guarded.push(context.switchToRpc().getContext<MessageContext[]>().length) > 0;
      }
    }
    @Controller()
    @UseGuards(Guard)
    class Catalogue {
      @Subscribe(PriceChanged, { batch: { maxMessages: 3, maxWaitMs: 5 } })
      update(@Payload() changed: Price[], @Ctx() contexts: MessageContext[]): (Error | undefined)[] {
        batches.push(changed.map(({ sku }, index) => `${sku}${contexts[index]?.attempt ?? 0}`));
        return contexts.map(({ key, attempt }) => (key === 'b' && attempt === 1 ? new RetryAfter(0) : undefined));
      }
    }
    const { publisher, notices } = await boot({ controllers: [Catalogue], providers: [Guard] });
    const acked = countOf(notices, 'message:acked', 3);
    await Promise.all(prices('a', 'b', 'c').map((price) => publisher.publish(PriceChanged, price)));
    await acked;
    expect(batches.map((batch) => batch.sort())).toEqual([['a1', 'b1', 'c1'], ['b2']]);
    expect(guarded).toEqual([3, 1]);
  });

  test('loses to the dead letters only the message that its pipe rejects', async () => {
    const positive = {
      transform: (batch: Price[]): Price[] => {
        const bad = batch.find(({ cents }) => cents < 0);
        if (bad !== undefined) throw new BadRequestException([`cents of ${bad.sku} must be positive`]);
        return batch;
      },
    };
    @Controller()
    class Catalogue {
      @Subscribe(PriceChanged, { batch: { maxMessages: 4, maxWaitMs: 5 } })
      update(@Payload(positive) _: Price[]): void {}
    }
    const { publisher, notices } = await boot({ controllers: [Catalogue] });
    const dead: unknown[] = [];
    notices.on('message:dead-lettered', ({ key }) => dead.push(key));
    const ends = [countOf(notices, 'message:acked', 3), countOf(notices, 'message:dead-lettered', 1)];
    const all = prices('a', 'b', 'c', 'd').map((price) => (price.sku === 'c' ? { ...price, cents: -1 } : price));
    await Promise.all(all.map((price) => publisher.publish(PriceChanged, price)));
    await Promise.all(ends);
    expect(dead).toEqual(['c']);
  });

  test('fails as a whole with what it throws, and each message is a dead letter of its own', async () => {
    @Controller()
    class Catalogue {
      @Subscribe(PriceChanged, { batch: { maxMessages: 2, maxWaitMs: 5 }, retry: { maxAttempts: 2 } })
      update(@Payload() _: Price[]): void {
        throw new RangeError('no shelf');
      }
    }
    const { publisher, notices } = await boot({ controllers: [Catalogue] });
    const given: unknown[] = [];
    notices.on('message:dead-lettered', ({ error }) => given.push(error));
    const all = countOf(notices, 'message:dead-lettered', 2);
    await Promise.all(prices('a', 'b').map((price) => publisher.publish(PriceChanged, price)));
    await all;
    expect(given).toEqual([expect.any(RangeError), expect.any(RangeError)]);
  });

  test('does not get a payload that breaks its schema, and its neighbours are handled', async () => {
    const seen: string[] = [];
    @Controller()
    class Catalogue {
      @Subscribe(PriceChecked, { batch: { maxMessages: 9, maxWaitMs: 5 } })
      update(@Payload() changed: { sku: string }[]): void {
        seen.push(...changed.map(({ sku }) => sku));
      }
    }
    const { publisher, notices } = await boot({ controllers: [Catalogue] });
    const both = Promise.all([next(notices, 'message:acked'), next(notices, 'message:dead-lettered')]);
    await publisher.publish('price.checked', { sku: 7 });
    await publisher.publish('price.checked', { sku: 'a' });
    await both;
    expect(seen).toEqual(['a']);
  });
});

describe('a subscription', () => {
  test('pauses at run time, says so in its health, and goes on with what came meanwhile', async () => {
    const seen: string[] = [];
    @Controller()
    class Catalogue {
      @Subscribe(PriceChanged)
      update(@Payload() { sku }: Price): void {
        seen.push(sku);
      }
    }
    const { app, publisher, notices } = await boot({ controllers: [Catalogue] });
    const subscription = app.get(BrokerHandle).subscription('price.changed');
    await subscription.pause('the shelf is being moved');
    expect(app.get(TransportHealth).report()).toMatchObject({
      status: 'degraded',
      ready: true,
      brokers: [{ subscriptions: [{ state: 'paused' }] }],
    });
    await publisher.publish(PriceChanged, { sku: 'a', cents: 1 });
    expect(subscription.pauseReasons).toEqual(['the shelf is being moved']);
    expect(seen).toEqual([]);

    const acked = next(notices, 'message:acked');
    subscription.resume();
    await acked;
    expect(seen).toEqual(['a']);
    expect(app.get(TransportHealth).status).toBe('up');
  });

  describe('paused by its own handler', () => {
    const seen = new Map<string, number>();
    beforeEach(() => seen.clear());

    /** Resolves when both of two messages are done. */
    async function runWith(controller: new (...parameters: never[]) => object): Promise<void> {
      const { publisher, notices } = await boot({ controllers: [controller] });
      const acked = countOf(notices, 'message:acked', 2);
      await Promise.all(prices('a', 'b').map((price) => publisher.publish(PriceChanged, price)));
      await acked;
    }

    test('lets the handler go on once no other one runs', async () => {
      let running = 0;
      @Controller()
      class Catalogue {
        constructor(private readonly broker: BrokerHandle) {}

        @Subscribe(PriceChanged)
        async update(@Payload() { sku }: Price): Promise<void> {
          running++;
          await tick();
          if (sku === 'a') {
            const subscription = this.broker.subscription('price.changed');
            await subscription.pause('the supplier is away');
            seen.set('running', running);
            subscription.resume();
          } else for (let turn = 0; turn < 10; turn++) await tick();
          running--;
        }
      }
      await runWith(Catalogue);
      expect(seen).toEqual(new Map([['running', 1]]));
    });

    test('lets several handlers go on that pause it at the same time', async () => {
      @Controller()
      class Catalogue {
        constructor(@InjectBroker() private readonly broker: BrokerHandle) {}

        @Subscribe(PriceChanged)
        async update(@Payload() { sku }: Price): Promise<void> {
          await tick();
          await this.broker.subscription('price.changed').pause('the supplier is away');
          seen.set(sku, 1);
        }
      }
      await runWith(Catalogue);
      expect([...seen.keys()].sort()).toEqual(['a', 'b']);
    });

    test('lets a handler of batches go on, behind an interceptor too', async () => {
      @Controller()
      class Catalogue {
        constructor(private readonly broker: BrokerHandle) {}

        @UseInterceptors({ intercept: (_: unknown, next: CallHandler) => next.handle() })
        @Subscribe(PriceChanged, { batch: { maxMessages: 2, maxWaitMs: 5 } })
        async update(@Payload() batch: Price[]): Promise<void> {
          await tick();
          await this.broker.subscription('price.changed').pause('the supplier is away');
          seen.set('batch', batch.length);
        }
      }
      await runWith(Catalogue);
      expect(seen).toEqual(new Map([['batch', 2]]));
    });
  });

  test('is refused by a code when there is none of its name', async () => {
    const { app } = await boot({});
    expect(() => app.get(BrokerHandle).subscription('price.chnged')).toThrow('TRANSPORT_SUBSCRIPTION_UNKNOWN');
  });
});
