import { Controller, Injectable, Module, UseGuards, type CanActivate, type ModuleMetadata } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { defineEvent, type Broker, type MessageContext } from '../../contract/index.js';
import { DeadLetter, Drop } from '../../consuming/index.js';
import { memory } from '../../drivers/memory/index.js';
import { InjectPublisher, Subscribe, TransportModule, type TransportModuleOptions } from '../../nest/index.js';
import { Publisher } from '../../publishing/index.js';
import { TestTransport, type TestTransportOptions } from './test-transport.js';

interface Order {
  readonly orderId: string;
  readonly quantity: number;
}
const OrderCreated = defineEvent<Order>('order.created', { key: ({ orderId }) => orderId });
const StockReserved = defineEvent<{ readonly orderId: string }>('stock.reserved');
const order: Order = { orderId: 'o-1', quantity: 2 };

/** A broker that no test may reach: opening it fails. */
const unreachable: Broker = {
  ...memory(),
  driver: 'far-away',
  capabilities: { ...memory().capabilities, delayedPublish: 'unsupported' },
  checkSubscription: () => undefined,
  open: () => {
    throw new Error('a test reached the real broker');
  },
};

@Injectable()
class Shelf {
  /** What the next handlings do before they reserve. */
  readonly faults: (() => unknown)[] = [];
  readonly reserved: string[] = [];
}

@Injectable()
class NoGifts implements CanActivate {
  canActivate(context: { switchToRpc(): { getData(): Order } }): boolean {
    return context.switchToRpc().getData().quantity > 0;
  }
}

@Controller()
class Inventory {
  constructor(
    private readonly shelf: Shelf,
    @InjectPublisher() private readonly publisher: Publisher,
  ) {}

  @UseGuards(NoGifts)
  @Subscribe(OrderCreated, { retry: { maxAttempts: 3, initialDelayMs: 30_000, maxDelayMs: 60_000 } })
  async reserve(@Payload() { orderId }: Order, @Ctx() _context: MessageContext): Promise<void> {
    await this.shelf.faults.shift()?.();
    this.shelf.reserved.push(orderId);
    await this.publisher.publish(StockReserved, { orderId });
  }
}

const open: TestTransport[] = [];
afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close();
});

function moduleOf(parts: ModuleMetadata = {}, transport: Partial<TransportModuleOptions> = {}) {
  const options = { service: 'inventory', broker: unreachable, ...transport } as TransportModuleOptions;
  const given = { controllers: [Inventory], providers: [Shelf], ...parts };
  class AppModule {}
  Module({ ...given, imports: [TransportModule.forRoot(options)] })(AppModule);
  return Test.createTestingModule({ imports: [AppModule] });
}

async function start(options: TestTransportOptions = {}, module = moduleOf()): Promise<TestTransport> {
  const transport = await TestTransport.start(module, options);
  open.push(transport);
  return transport;
}

describe('a test transport', () => {
  it('runs the module as it is, on memory in place of its broker, and settles a message with all that it caused', async () => {
    const transport = await start();
    const story = await transport.publishAndSettle(OrderCreated, order);
    expect(transport.get(Shelf).reserved).toEqual(['o-1']);
    story.assertAcked();
    story.assertPublished(StockReserved, { orderId: 'o-1' });
    expect(story.published(StockReserved).map(({ payload, type }) => [type, payload])).toEqual([
      ['stock.reserved', { orderId: 'o-1' }],
    ]);
    expect(story.acked(OrderCreated)).toEqual([
      expect.objectContaining({ group: 'inventory', attempt: 1, key: 'o-1', payload: order }),
    ]);
  });

  it('has retries of half a minute behind it at once, on its own clock', async () => {
    const transport = await start();
    const fail = (): never => {
      throw new Error('the database is away');
    };
    transport.get(Shelf).faults.push(fail, fail);
    const startedAt = performance.now();
    const story = await transport.publishAndSettle(OrderCreated, order);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    story.assertRetried(OrderCreated, 2);
    story.assertAcked(OrderCreated);
    const delays = story.retries(OrderCreated).map(({ delayMs }) => delayMs);
    expect(transport.clock.now() - Date.UTC(2026, 0, 1)).toBe(delays.reduce((sum, each) => sum + each, 0));
    expect(Math.max(...delays)).toBeGreaterThan(1_000);
  });

  it('tells what was given up, dropped and refused by a guard', async () => {
    const transport = await start();
    transport.get(Shelf).faults.push(
      () => {
        throw new DeadLetter('the order has no items');
      },
      () => {
        throw new Drop('an order of a test run');
      },
    );
    const given = await transport.publishAndSettle(OrderCreated, order);
    given.assertDeadLettered(OrderCreated, 'no items');
    expect(given.deadLetters()).toEqual([
      expect.objectContaining({ deadLetterTopic: 'order.created.inventory.dead-letter', attempt: 1, payload: order }),
    ]);
    given.assertNotPublished(StockReserved);
    const dropped = await transport.publishAndSettle(OrderCreated, order);
    dropped.assertDropped(OrderCreated);
    expect(dropped.drops().map(({ reason }) => reason)).toEqual(['an order of a test run']);
    const refused = await transport.publishAndSettle(OrderCreated, { ...order, quantity: 0 });
    refused.assertDeadLettered(OrderCreated, 'Forbidden');
    expect(transport.story.deadLetters()).toHaveLength(2);
  });

  it('tells the story of the message when what was asserted is not so', async () => {
    const transport = await start();
    transport.get(Shelf).faults.push(() => {
      throw new Error('the database is away');
    });
    const story = await transport.publishAndSettle(OrderCreated, order);
    const failure = messageOf(() => story.assertDeadLettered(OrderCreated));
    expect(failure).toContain('a dead letter of order.created was expected');
    expect(failure).toMatch(/order\.created \S+ key "o-1", published by the test at 0 ms\n/);
    expect(failure).toMatch(/ {2}inventory: attempt 1 failed: Error: the database is away; again after \d+ ms\n/);
    expect(failure).toMatch(/ {2}inventory: attempt 2 acked at \d+ ms\n/);
    expect(failure).toMatch(/ {2}-> stock\.reserved \S+, published at \d+ ms\n {4}nobody subscribes to it\n/);
    expect(failure).toContain('Subscriptions: "order.created" of group "inventory".');
    expect(messageOf(() => story.assertRetried(OrderCreated, 2))).toContain('expected 2 times, and came 1 times');
    expect(messageOf(() => story.assertDropped())).toContain('a drop was expected');
    expect(messageOf(() => story.assertPublished(StockReserved, { orderId: 'o-2' }))).toContain('"o-1"');
    expect(messageOf(() => story.assertNotPublished(StockReserved))).toContain('there are 1');
    expect(messageOf(() => story.assertAcked(StockReserved))).toContain('reached a subscription');
  });

  it('says what it waits for when a handler does not end, and closes all the same', async () => {
    const transport = await start({ timeoutMs: 100 });
    let end = (): void => undefined;
    transport.get(Shelf).faults.push(() => new Promise<void>((resolve) => (end = resolve)));
    const failure = await transport.publishAndSettle(OrderCreated, order).then(String, String);
    expect(failure).toMatch(
      /1 message is not at the end within 100 ms: a handler of group "inventory" runs with order/,
    );
    expect(failure).toContain('inventory: its handler runs');
    open.splice(0);
    await expect(transport.close()).rejects.toThrow('its handler runs');
    end();
  });

  it('refuses what the real broker refuses, and keeps its name', async () => {
    const transport = await start();
    await expect(transport.publish(OrderCreated, order, { deliverAfterMs: 1_000 })).rejects.toMatchObject({
      code: 'TRANSPORT_CAPABILITY_UNSUPPORTED',
    });
    const strict = {
      ...unreachable,
      checkSubscription: () => {
        throw new Error('a name that it does not take');
      },
    };
    await expect(TestTransport.start(moduleOf({}, { broker: strict }))).rejects.toThrow('a name that it does not take');
  });

  it('starts an application that asks for a guarantee, and refuses one that lowers it by itself', async () => {
    const durable = { ...unreachable, capabilities: { ...unreachable.capabilities, durability: 'native' as const } };
    const withGuarantee = (more: object) =>
      moduleOf({}, { broker: durable, subscriptions: { guarantee: 'at-least-once', ...more } });
    const transport = await start({}, withGuarantee({}));
    (await transport.publishAndSettle(OrderCreated, order)).assertAcked();
    await expect(TestTransport.start(withGuarantee({ deadLetterTopic: false }))).rejects.toThrow('at-least-once');
  });

  it('waits for messages that are published for later, and moves the clock to them', async () => {
    const transport = await start({}, moduleOf({}, { broker: memory() }));
    const story = await transport.publishAndSettle(OrderCreated, order, { deliverAfterMs: 86_400_000 });
    expect(story.acked(OrderCreated).map(({ atMs }) => atMs)).toEqual([86_400_000]);
  });

  it('moves time step by step when it is told to', async () => {
    const transport = await start({}, moduleOf({}, { broker: memory() }));
    await transport.publish(OrderCreated, order, { deliverAfterMs: 1_000 });
    await transport.advance(999);
    expect(transport.get(Shelf).reserved).toEqual([]);
    await transport.advance(1);
    expect(transport.get(Shelf).reserved).toEqual(['o-1']);
  });

  it('keeps apart the stories of messages that are settled at once', async () => {
    const transport = await start();
    const ids = ['o-1', 'o-2', 'o-3'];
    const stories = await Promise.all(
      ids.map((orderId) => transport.publishAndSettle(OrderCreated, { ...order, orderId })),
    );
    expect(stories.map((story) => story.published(StockReserved).map(({ payload }) => payload.orderId))).toEqual([
      ['o-1'],
      ['o-2'],
      ['o-3'],
    ]);
  });

  it('waits for what a handler publishes without waiting for it, and for a batch and what all of it caused', async () => {
    @Controller()
    class Batches {
      readonly sizes: number[] = [];
      constructor(@InjectPublisher() private readonly publisher: Publisher) {}
      @Subscribe(OrderCreated, { batch: { maxMessages: 10, maxWaitMs: 5_000 }, ordering: 'none' })
      gather(@Payload() orders: Order[]): void {
        this.sizes.push(orders.length);
        void this.publisher.publish(StockReserved, { orderId: orders.map(({ orderId }) => orderId).join() });
      }
    }
    const transport = await start({}, moduleOf({ controllers: [Batches], providers: [] }));
    await transport.publish(OrderCreated, order);
    const story = await transport.publishAndSettle(OrderCreated, { ...order, orderId: 'o-2' });
    expect(transport.get(Batches).sizes).toEqual([2]);
    expect(story.published(StockReserved).map(({ payload }) => payload.orderId)).toEqual(['o-1,o-2']);
  });

  it('moves time under a handler that waits for it, when it is told to', async () => {
    const transport = await start();
    const publisher = transport.get(Publisher);
    transport.get(Shelf).faults.push(() => publisher.request('nobody.answers', {}, { timeoutMs: 60_000 }));
    await transport.publish(OrderCreated, order);
    await transport.advance(60_000);
    const [retry] = (await transport.settle()).retries(OrderCreated);
    expect([retry?.atMs, retry?.error]).toEqual([
      60_000,
      expect.objectContaining({ code: 'TRANSPORT_REQUEST_TIMEOUT' }),
    ]);
  });

  it('settles what somebody else published, as a request over HTTP does', async () => {
    const transport = await start();
    await transport.get(Publisher).publish(OrderCreated, order);
    const story = await transport.settle();
    expect(story.published(OrderCreated)).toHaveLength(1);
    story.assertAcked(OrderCreated);
  });

  it('plays several brokers, each by its name', async () => {
    @Controller()
    class Audit {
      readonly heard: string[] = [];
      @Subscribe(OrderCreated, { broker: 'audit' })
      hear(@Payload() { orderId }: Order): void {
        this.heard.push(orderId);
      }
    }
    const brokers = { main: unreachable, audit: { ...unreachable } };
    const transport = await start(
      {},
      moduleOf({ controllers: [Inventory, Audit] }, { broker: undefined, brokers } as never),
    );
    await transport.publishAndSettle(OrderCreated, order, { broker: 'audit' });
    expect(transport.get(Audit).heard).toEqual(['o-1']);
    expect(transport.get(Shelf).reserved).toEqual([]);
    await transport.publishAndSettle(OrderCreated, order);
    expect(transport.get(Shelf).reserved).toEqual(['o-1']);
  });

  it('lets two services meet, and settles what one causes in the other', async () => {
    @Controller()
    class Orders {
      readonly reserved: string[] = [];
      @Subscribe(StockReserved)
      hear(@Payload() { orderId }: { readonly orderId: string }): void {
        this.reserved.push(orderId);
      }
    }
    const inventory = await start();
    const orders = await start(
      { sharedWith: inventory },
      moduleOf({ controllers: [Orders], providers: [] }, { service: 'orders' }),
    );
    const story = await inventory.publishAndSettle(OrderCreated, order);
    expect(orders.get(Orders).reserved).toEqual(['o-1']);
    expect(story.acked().map(({ group }) => group)).toEqual(['inventory', 'orders']);
  });

  it('runs without HTTP, with what is set before the start', async () => {
    const transport = await TestTransport.start(moduleOf(), {
      http: false,
      prepare: (app) =>
        app.useGlobalPipes({ transform: (value: unknown) => ({ ...(value as Order), orderId: 'from the pipe' }) }),
    });
    await transport.publishAndSettle(OrderCreated, order);
    expect(transport.get(Shelf).reserved).toEqual(['from the pipe']);
    await transport.close();
    await transport.close();
  });

  it('leaves nothing to the next: neither messages nor what happened', async () => {
    const transport = await start();
    await transport.publishAndSettle(OrderCreated, order);
    transport.forget();
    expect(transport.story.acked()).toEqual([]);
    await transport.close();
    const next = await start();
    expect([next.story.toString(), next.get(Shelf).reserved]).toEqual(['Nothing was published.', []]);
    expect(next.clock.now()).toBe(Date.UTC(2026, 0, 1));
  });

  it('refuses to forget what is not at its end', async () => {
    const transport = await start();
    transport.get(Shelf).faults.push(() => {
      throw new Error('later');
    });
    await transport.publish(OrderCreated, order);
    await transport.advance(0);
    expect(messageOf(() => transport.forget())).toContain('again after');
    await transport.settle();
    transport.forget();
  });

  it('has the same retries for the same seed, and others for another', async () => {
    const delays = async (seed: number): Promise<number[]> => {
      const transport = await start({ seed });
      transport.get(Shelf).faults.push(
        () => Promise.reject(new Error('once')),
        () => Promise.reject(new Error('twice')),
      );
      return (await transport.publishAndSettle(OrderCreated, order)).retries().map(({ delayMs }) => delayMs);
    };
    expect(await delays(7)).toEqual(await delays(7));
    expect(await delays(7)).not.toEqual(await delays(8));
  });
});

describe('many test transports in one process', () => {
  /** What Node hangs on a promise made now: an entry for each AsyncLocalStorage that ever ran. */
  const entries = () => Object.getOwnPropertySymbols(Promise.resolve()).length;

  it('leave nothing on the promises that are made after them', async () => {
    const one = async () => (await start()).publishAndSettle(OrderCreated, order);
    await one();
    const before = entries();
    await one();
    await one();
    expect(entries()).toBe(before);
  });
});

function messageOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It did not fail.');
}
