import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, type Broker } from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { Subscribe, TransportModule } from '../../nest/index.js';
import { wrapBroker } from '../faults/wrap-broker.js';
import { TestTransport, type TestTransportOptions } from '../transport/test-transport.js';
import { expectIdempotent } from './expect-idempotent.js';
import { expectNothingLost } from './expect-nothing-lost.js';
import type { HandlerUnderTest } from './fault-test-options.js';

interface Order {
  readonly orderId: string;
  readonly quantity: number;
}
const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const payloads: readonly Order[] = Array.from({ length: 12 }, (_, n) => ({ orderId: `o-${n % 4}`, quantity: n }));

/** Remembers an order's last quantity: the same for one delivery and for two. */
function ledger(): HandlerUnderTest<Order> {
  const quantities = new Map<string, number>();
  return {
    handle: ({ orderId, quantity }) => void quantities.set(orderId, quantity),
    state: () => new Map([...quantities].sort()),
  };
}

/** Adds up: a second delivery counts twice. */
function sum(): HandlerUnderTest<Order> {
  let total = 0;
  return { handle: ({ quantity }) => void (total += quantity), state: () => total };
}

/** Takes a message for known when it is the one it saw last: enough for a repetition, not for a return. */
function forgetful(): HandlerUnderTest<Order> {
  let total = 0;
  let last: string | undefined;
  return {
    handle: ({ quantity }, { id }) => {
      if (id !== last) total += quantity;
      last = id;
    },
    state: () => total,
  };
}

const failureOf = (faultTest: Promise<void>): Promise<string> =>
  faultTest.then(
    () => 'nothing was found',
    (error: unknown) => (error as Error).message,
  );
const seedIn = (failure: string): number => Number(/Replay it with seed: (\d+)/.exec(failure)?.[1]);

describe('expectIdempotent', () => {
  it('is content with a handler whose effect is the same for one delivery and for many', async () => {
    await expectIdempotent(ledger, { event: OrderCreated, payloads });
  });

  it('finds a handler that is not idempotent, with a seed that replays the same failure', async () => {
    const failure = await failureOf(expectIdempotent(sum, { event: OrderCreated, payloads }));
    expect(failure).toContain('ends in another state than one delivery of each message');
    expect(failure).toMatch(/Alone, duplicate/);
    expect(failure).toMatch(/fault-test: fault (duplicate|loseAck|crashInHandler) at/);
    const seed = seedIn(failure);
    const again = await failureOf(expectIdempotent(sum, { event: OrderCreated, payloads, seed }));
    const withoutIds = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'id');
    expect(withoutIds(again)).toBe(withoutIds(failure));
  });

  it('finds what forgets all but the last message, by messages that come again in a row', async () => {
    const failure = await failureOf(
      expectIdempotent(forgetful, { event: OrderCreated, payloads, faults: { loseAck: 0.5 } }),
    );
    expect(failure).toMatch(/^expectIdempotent: with seed \d+ it ends in another state/);
  });

  it('keeps the order of a key, and breaks every other', async () => {
    const rows = (): HandlerUnderTest<Order> => {
      const seen: Order[] = [];
      return { handle: (order) => void seen.push(order), state: () => seen.map(({ quantity }) => quantity) };
    };
    const lastOfKey = (): HandlerUnderTest<Order> => {
      const seen = new Map<string, number[]>();
      return {
        handle: ({ orderId, quantity }) => void seen.set(orderId, [...(seen.get(orderId) ?? []), quantity]),
        state: () => new Map([...seen].sort()),
      };
    };
    const faults = { reorder: 0.5, delay: 0.3 };
    await expectIdempotent(lastOfKey, { event: OrderCreated, payloads, faults });
    expect(await failureOf(expectIdempotent(rows, { event: OrderCreated, payloads, faults }))).toMatch(/Alone, /);
    const subscription = { ordering: 'none' } as const;
    expect(
      await failureOf(expectIdempotent(lastOfKey, { event: OrderCreated, payloads, faults, subscription })),
    ).toMatch(/another state/);
  });

  it('takes payloads that are made of the seed, so that a replay has the same', async () => {
    const seen: number[] = [];
    const made = (seed: number): Order[] => {
      seen.push(seed);
      return [{ orderId: `o-${seed}`, quantity: seed }];
    };
    await expectIdempotent(ledger, { event: OrderCreated, payloads: made, seed: 5, faults: { duplicate: 1 } });
    expect(new Set(seen)).toEqual(new Set([5]));
  });

  it('refuses to be content where nothing was shown: no fault hit, or the handler never succeeds', async () => {
    expect(await failureOf(expectIdempotent(ledger, { event: OrderCreated, payloads, faults: {} }))).toContain(
      'no fault hit any message',
    );
    const broken = (): HandlerUnderTest<Order> => ({
      handle: () => {
        throw new Error('always');
      },
      state: () => 0,
    });
    expect(await failureOf(expectIdempotent(broken, { event: OrderCreated, payloads }))).toContain(
      'no message was handled',
    );
    expect(await failureOf(expectIdempotent(ledger, { event: OrderCreated, payloads: [] }))).toContain(
      'TRANSPORT_OPTION_INVALID',
    );
  });

  it('tries a whole application, with its retries and dead letters', async () => {
    const failure = await failureOf(
      expectIdempotent((options) => applicationOf(options, new Shelf()), { event: OrderCreated, payloads, runs: 5 }),
    );
    expect(failure).toMatch(/another state[^]*inventory: fault/);
    await expectIdempotent((options) => applicationOf(options, new CarefulShelf()), {
      event: OrderCreated,
      payloads,
      runs: 5,
    });
  });
});

describe('expectNothingLost', () => {
  it('is content with an application whose messages all come to their end, whatever the faults', async () => {
    await expectNothingLost((options) => applicationOf(options, new Shelf()), {
      event: OrderCreated,
      payloads,
      runs: 5,
      faults: {
        duplicate: 0.3,
        loseAck: 0.3,
        crashInHandler: 0.3,
        failDeadLetter: 1,
        delay: 0.3,
        loseConfirmation: 0.3,
      },
    });
  });

  it('finds a broker that loses a message, and says which', async () => {
    const faultTest = expectNothingLost(
      (options) => applicationOf({ ...options, createBroker: () => losing(memory()) }, new Shelf()),
      { event: OrderCreated, payloads, runs: 3, timeoutMs: 100 },
    );
    const failure = await failureOf(faultTest);
    expect(failure).toContain('expectNothingLost: with seed 1 something is lost');
    expect(failure).toMatch(/1 message is not at the end within 100 ms: no handler runs/);
    expect(failure).toMatch(/order\.created \S+ key "o-3"[^]*inventory: not delivered yet/);
  });
});

class Shelf {
  total = 0;
  take({ quantity }: Order): void {
    if (quantity === 7) throw new Error('a shelf without a seventh place');
    this.total += quantity;
  }
}

class CarefulShelf extends Shelf {
  readonly #taken = new Set<string>();
  override take(order: Order): void {
    const name = JSON.stringify(order);
    if (this.#taken.has(name)) return;
    super.take(order);
    this.#taken.add(name);
  }
}

async function applicationOf(options: TestTransportOptions, shelf: Shelf) {
  @Controller()
  class Inventory {
    @Subscribe(OrderCreated, { retry: { maxAttempts: 3 } })
    reserve(@Payload() order: Order): void {
      shelf.take(order);
    }
  }
  class AppModule {}
  Module({
    imports: [TransportModule.forRoot({ service: 'inventory', broker: memory() })],
    controllers: [Inventory],
  })(AppModule);
  const transport = await TestTransport.start(Test.createTestingModule({ imports: [AppModule] }), options);
  return { transport, state: () => shelf.total };
}

/** Confirms the fourth message and keeps it to itself. */
function losing(broker: Broker): Broker {
  let sent = 0;
  return wrapBroker(broker, () => ({
    send: async (messages, go) => {
      const kept = messages.filter(() => ++sent !== 4);
      const results = await go(kept);
      return messages.map((message) => {
        const index = kept.indexOf(message);
        const { id, topic } = message;
        return results[index] ?? { id, topic, partition: 0, offset: '0' };
      });
    },
  }));
}
