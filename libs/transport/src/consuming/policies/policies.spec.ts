import {
  Delivery,
  isTransportError,
  Notices,
  type TransportError,
  type Broker,
  type BrokerConnection,
  type Headers,
  type NoticeName,
  type OutgoingMessage,
  type Settlement,
  type SubscriptionSink,
} from '../../contract/index.js';
import { jsonCodec, systemClock } from '../../shared/index.js';
import { memory } from '../../drivers/memory/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { Consumer } from '../consumer.js';
import { DeadLetter, Drop } from '../runner/outcomes.js';
import type { ConsumingOptions } from '../consuming-options.js';
import { circuitBreaker, rateLimit, throttle, timeout, type Policy } from './index.js';
import { Pacer } from './pace.js';

class FakeDelivery extends Delivery {
  settlement: Settlement | undefined;
  readonly publishedAt = undefined;
  readonly raw = undefined;

  constructor(
    readonly offset: string,
    key: string | undefined,
    readonly headers: Headers = {},
  ) {
    super('orders', 'stock', key, Buffer.from('{}'), 1, 0);
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  protected settled(settlement: Settlement): void {
    this.settlement = settlement;
  }
}

/** n.b. several: a message on its way back passes through a promise per policy. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

type Handle = (payload: unknown, delivery: Delivery) => unknown;

/** A consumer with one subscription, whose driver is the test. */
async function setUp(policies: readonly Policy[], handle: Handle, options: ConsumingOptions = {}) {
  const clock = new ManualClock();
  const notices = new Notices();
  const heard: [NoticeName, Record<string, unknown>][] = [];
  for (const name of [
    'message:acked',
    'message:retry-scheduled',
    'message:timed-out',
    'message:dead-lettered',
    'message:dropped',
    'subscription:paused',
    'subscription:resumed',
  ] as const) {
    notices.on(name, (notice) => heard.push([name, notice as never]));
  }
  let subscribed: readonly SubscriptionSink[] = [];
  const producer = {
    maxBytes: 1e6,
    maxRequestBytes: 1e6,
    check: () => undefined,
    send: (messages: readonly OutgoingMessage[]) =>
      Promise.resolve(messages.map(({ id, topic }) => ({ id, topic, partition: 0, offset: '0' }))),
  };
  const connection = {
    producer,
    ensureTopics: () => Promise.resolve(),
    consume: (subscriptions: readonly SubscriptionSink[]) => {
      subscribed = subscriptions;
      return Promise.resolve({ stop: () => Promise.resolve(), close: () => Promise.resolve() });
    },
  } as unknown as BrokerConnection;
  const broker: Broker = memory();
  const host = { service: 'stock', broker: 'default', notices, clock };
  const begun: string[] = [];
  const noted: Handle = (payload, delivery) => {
    begun.push(delivery.id.split('/').at(-1) as string);
    return handle(payload, delivery);
  };
  const plan = {
    topic: 'orders',
    group: 'stock',
    where: 'test',
    options: { retry: { maxAttempts: 3, initialDelayMs: 0 }, ...options, policies },
    routes: [{ type: undefined, schema: undefined, handle: noted }],
  };
  const restOf = (result: unknown) => (result as { rest?: Promise<unknown> } | undefined)?.rest;
  const consumer = new Consumer(broker, connection, host, [plan], { codec: jsonCodec, restOf, random: () => 0 });
  await consumer.start();
  let offset = 0;
  const deliveries: FakeDelivery[] = [];
  const deliver = async (...keys: string[]): Promise<void> => {
    const batch = keys.map((key) => new FakeDelivery(`${offset++}`, key === '-' ? undefined : key));
    deliveries.push(...batch);
    void subscribed[0]?.sink.receive(batch);
    await turns();
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turns();
  };
  const names = (): NoticeName[] => heard.map(([name]) => name);
  return { clock, consumer, deliver, deliveries, advance, begun, heard, names };
}

/** A handler that a test lets go on. */
class Gate {
  readonly #waiting: { resolve: (value?: unknown) => void; reject: (error: unknown) => void; delivery: Delivery }[] =
    [];
  readonly handle: Handle = (_, delivery) =>
    new Promise((resolve, reject) => this.#waiting.push({ resolve, reject, delivery }));

  get signals(): AbortSignal[] {
    return this.#waiting.map(({ delivery }) => delivery.signal);
  }

  async next(error?: unknown): Promise<void> {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error('no handler runs');
    if (error === undefined) waiting.resolve();
    else waiting.reject(error);
    await turns();
  }
}

describe('timeout()', () => {
  it('lets what ends in time be', async () => {
    const gate = new Gate();
    const { deliver, advance, names, clock } = await setUp([timeout({ timeoutMs: 100 })], gate.handle);
    await deliver('a');
    await advance(99);
    await gate.next();
    expect(names()).toEqual(['message:acked']);
    expect(clock.pending).toBe(0);
  });

  it('aborts the signal, tells it, and tries again only when the handler has ended', async () => {
    const gate = new Gate();
    const { deliver, advance, names, heard, begun } = await setUp([timeout({ timeoutMs: 100 })], gate.handle);
    await deliver('a', 'a');
    const [signal] = gate.signals;
    expect(signal?.aborted).toBe(false);
    await advance(100);
    expect(signal?.aborted).toBe(true);
    expect(isTransportError(signal?.reason, 'TRANSPORT_HANDLER_TIMEOUT')).toBe(true);
    expect(names()).toEqual(['message:timed-out']);
    await advance(10_000);
    expect(begun).toEqual(['0']);
    await gate.next();
    await advance(1);
    expect(names()).toEqual(['message:timed-out', 'message:retry-scheduled']);
    expect(heard[1]?.[1]['error']).toMatchObject({ code: 'TRANSPORT_HANDLER_TIMEOUT', retryable: true });
    expect(begun).toEqual(['0', '0']);
    expect(gate.signals[0]?.aborted).toBe(false);
    await gate.next();
    await gate.next();
    expect(begun).toEqual(['0', '0', '1']);
    expect(names().slice(2)).toEqual(['message:acked', 'message:acked']);
  });

  it('is a dead letter when no attempt ends in time, and says what the handler threw last', async () => {
    const gate = new Gate();
    const { deliver, advance, heard, names } = await setUp([timeout({ timeoutMs: 100 })], gate.handle, {
      retry: { maxAttempts: 1 },
    });
    await deliver('a');
    await advance(100);
    await gate.next(new Error('socket closed'));
    expect(names()).toEqual(['message:timed-out', 'message:dead-lettered']);
    const { error } = heard[1]?.[1] as { error: TransportError };
    expect(error.message).toContain('had not ended 100 ms after');
    expect(error.message).toContain('It then failed: socket closed');
  });

  it.each([
    ['dead-lettered', new DeadLetter('bad'), 'message:dead-lettered'],
    ['dropped', new Drop('not ours'), 'message:dropped'],
  ])('lets a late handler have its word where that is final: %s', async (_, thrown, notice) => {
    const gate = new Gate();
    const { deliver, advance, names } = await setUp([timeout({ timeoutMs: 100 })], gate.handle);
    await deliver('a');
    await advance(100);
    await gate.next(thrown);
    expect(names()).toEqual(['message:timed-out', notice]);
  });

  it('counts the whole of a stream', async () => {
    let end = (): void => undefined;
    const { deliver, advance, names } = await setUp([timeout({ timeoutMs: 100 })], () => ({
      rest: new Promise<void>((resolve) => (end = resolve)),
    }));
    await deliver('a');
    await advance(100);
    expect(names()).toEqual(['message:timed-out']);
    end();
    await turns();
    expect(names()).toEqual(['message:timed-out', 'message:retry-scheduled']);
  });

  it('does not hinder a handler that does not wait', async () => {
    const { deliver, names, clock } = await setUp([timeout({ timeoutMs: 100 })], () => undefined);
    await deliver('a');
    expect(names()).toEqual(['message:acked']);
    expect(clock.pending).toBe(0);
  });
});

describe('the signal of a message', () => {
  it('is aborted when the broker takes the message back', () => {
    const asked = new FakeDelivery('0', 'a');
    const { signal } = asked;
    asked.revoke();
    const late = new FakeDelivery('1', 'a');
    late.revoke();
    expect([signal.aborted, late.signal.aborted]).toEqual([true, true]);
  });
});

describe('rateLimit()', () => {
  it('begins so many at once, then one after the other, in their order, and fails none', async () => {
    const { deliver, advance, begun, names } = await setUp([rateLimit({ messages: 2, perMs: 1_000 })], () => undefined);
    await deliver('a', 'b', 'c', 'd');
    expect(begun).toEqual(['0', '1']);
    await advance(499);
    expect(begun).toHaveLength(2);
    await advance(1);
    expect(begun).toEqual(['0', '1', '2']);
    await advance(500);
    expect(begun).toEqual(['0', '1', '2', '3']);
    expect(new Set(names())).toEqual(new Set(['message:acked']));
  });

  it('leaves what it keeps back to the next process when it drains, with no timer', async () => {
    const { deliver, consumer, begun, deliveries, clock } = await setUp(
      [rateLimit({ messages: 1, perMs: 1_000 })],
      () => undefined,
    );
    await deliver('a', 'b', 'c');
    const drained = consumer.drain(60_000);
    await turns();
    expect(await drained).toBe(2);
    expect(begun).toEqual(['0']);
    expect(deliveries.map(({ settlement, attempt }) => [settlement?.kind, attempt])).toEqual([
      ['ack', 1],
      [undefined, 1],
      [undefined, 1],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('begins nothing while the subscription is paused, and goes on after that', async () => {
    const { deliver, advance, consumer, begun } = await setUp(
      [rateLimit({ messages: 1, perMs: 100 })],
      () => undefined,
    );
    await deliver('a', 'b');
    const control = consumer.control('orders');
    await control?.pause('for a moment');
    await advance(1_000);
    expect(begun).toEqual(['0']);
    control?.resume();
    await advance(1_000);
    expect(begun).toEqual(['0', '1']);
  });

  it('lets go what the broker takes back meanwhile', async () => {
    const { deliver, advance, consumer, begun, deliveries } = await setUp(
      [rateLimit({ messages: 1, perMs: 100 })],
      () => undefined,
    );
    await deliver('a', 'b');
    deliveries[1]?.revoke();
    await advance(100);
    expect(begun).toEqual(['0']);
    expect(consumer.inFlight).toBe(0);
  });
});

test('throttle() begins handlers apart, however long they take', async () => {
  const gate = new Gate();
  const { deliver, advance, begun } = await setUp([throttle({ everyMs: 50 })], gate.handle);
  await deliver('a', 'b', 'c');
  expect(begun).toEqual(['0']);
  await advance(50);
  expect(begun).toEqual(['0', '1']);
  await advance(49);
  expect(begun).toHaveLength(2);
  await advance(1);
  expect(begun).toEqual(['0', '1', '2']);
});

test('a pace saves up no more than its burst, and remembers nothing of how long it rested', () => {
  const pacer = new Pacer(10, 3);
  expect([0, 0, 0, 0, 0].map((now) => pacer.take(now))).toEqual([0, 0, 0, 10, 20]);
  expect([1e6, 1e6, 1e6, 1e6].map((now) => pacer.take(now))).toEqual([0, 0, 0, 10]);
});

describe('circuitBreaker()', () => {
  const away = (): never => {
    throw new Error('connect ECONNREFUSED 10.0.0.1:5432');
  };
  const noRetry = { retry: { maxAttempts: 100, initialDelayMs: 0 } };

  it('pauses when the same happens to many different keys, and takes nothing and counts nothing meanwhile', async () => {
    const { deliver, deliveries, advance, begun, heard } = await setUp(
      [circuitBreaker({ minKeys: 3, openMs: 1_000 })],
      away,
      { ...noRetry, concurrency: 1 },
    );
    await deliver('a', 'b', 'c', 'd', 'e');
    const attempts = begun.length;
    expect(attempts).toBe(3);
    const paused = heard.filter(([name]) => name === 'subscription:paused');
    expect(paused).toHaveLength(1);
    expect(paused[0]?.[1]['reason']).toContain('"Error: connect ECONNREFUSED');
    expect(paused[0]?.[1]['reason']).toContain('3 different keys');
    await advance(999);
    await deliver('f');
    expect(begun).toHaveLength(attempts);
    expect(deliveries[4]?.attempt).toBe(1);
  });

  it('tries one message after the pause: it pauses again when that fails, and all go on when it succeeds', async () => {
    let isAway = true;
    const gate = new Gate();
    const { deliver, advance, begun, names, consumer } = await setUp(
      [circuitBreaker({ minKeys: 2, openMs: 1_000 })],
      (payload, delivery) => (isAway ? away() : gate.handle(payload, delivery)),
      { ...noRetry, concurrency: 4 },
    );
    await deliver('a', 'b');
    await deliver('c', 'd', 'e');
    const before = begun.length;
    await advance(1_000);
    expect(begun).toHaveLength(before + 1);
    expect(names().filter((name) => name === 'subscription:paused')).toHaveLength(2);
    isAway = false;
    await advance(1_000);
    expect(begun).toHaveLength(before + 2);
    expect(names()).not.toContain('subscription:resumed');
    await gate.next();
    expect(names()).toContain('subscription:resumed');
    expect(begun).toHaveLength(before + 6);
    expect(consumer.control('orders')?.pauseReasons).toEqual([]);
  });

  it.each([
    ['one key fails again and again', ['a', 'a', 'a', 'a', 'a', 'a'], away],
    [
      'each fails in its own way',
      ['a', 'b', 'c', 'd', 'e', 'f'],
      (_: unknown, { key = '' }: Delivery): never => {
        throw new Error(`no such thing as ${key.repeat(3)}`);
      },
    ],
    [
      'the failures are past mending',
      ['a', 'b', 'c', 'd', 'e', 'f'],
      (): never => {
        throw new DeadLetter('bad');
      },
    ],
    [
      'most succeed',
      [...'abcdefghijklmnopqrstuvwxyz'],
      (_: unknown, { key }: Delivery): void => {
        if ('gpz'.includes(key as string)) away();
      },
    ],
  ])('does not pause when %s', async (_, keys, handle) => {
    const { deliver, names } = await setUp([circuitBreaker({ minKeys: 3 })], handle, { retry: { maxAttempts: 1 } });
    await deliver(...keys);
    expect(names()).not.toContain('subscription:paused');
  });

  it('forgets what is older than its window', async () => {
    const { deliver, advance, names } = await setUp([circuitBreaker({ minKeys: 3, windowMs: 1_000 })], away, {
      retry: { maxAttempts: 1 },
    });
    await deliver('a', 'b');
    await advance(1_100);
    await deliver('c', 'd');
    expect(names()).not.toContain('subscription:paused');
    await deliver('e');
    expect(names()).toContain('subscription:paused');
  });

  it('is drained while it is open, with no timer left', async () => {
    const { deliver, consumer, clock } = await setUp([circuitBreaker({ minKeys: 1 })], away, noRetry);
    await deliver('a', 'b');
    const drained = consumer.drain(60_000);
    await turns();
    expect(await drained).toBe(2);
    expect(clock.pending).toBe(0);
  });

  it('tries a message of the pause of somebody else only when that is over too', async () => {
    const { deliver, advance, consumer, begun } = await setUp(
      [circuitBreaker({ minKeys: 1, openMs: 100 })],
      away,
      noRetry,
    );
    await deliver('a');
    await consumer.control('orders')?.pause('by hand');
    await advance(1_000);
    expect(begun).toHaveLength(1);
    consumer.control('orders')?.resume();
    await turns();
    expect(begun).toHaveLength(2);
  });
});

const EVERY_MS = 20;
/** Node rounds a timer to whole milliseconds. */
const TIMER_EARLY_MS = 1;

test('a replay keeps the pace of its subscription, and ends nothing of it', async () => {
  const broker = memory();
  const host = { service: 'stock', broker: 'default', notices: new Notices(), clock: systemClock };
  const connection = broker.open(host);
  const begunAt: number[] = [];
  const handle: Handle = () => void begunAt.push(performance.now());
  const plan = {
    topic: 'orders',
    group: 'stock',
    where: 'test',
    options: { policies: [throttle({ everyMs: EVERY_MS })] },
    routes: [{ type: undefined, schema: undefined, handle }],
  };
  await connection.connect(new AbortController().signal);
  const consumer = new Consumer(broker, connection, host, [plan]);
  await consumer.start();
  const publish = (id: string) =>
    connection.producer.send([
      { topic: 'orders', key: id, body: Buffer.from('1'), headers: { 'message-id': id }, id, partition: undefined },
    ]);
  const acked = (count: number): Promise<void> =>
    new Promise((resolve) => {
      let left = count;
      const stop = host.notices.on('message:acked', () => {
        if (--left > 0) return;
        stop();
        resolve();
      });
    });
  const first = acked(3);
  const askedAt = performance.now();
  for (const id of ['a', 'b', 'c']) await publish(id);
  await first;
  const report = await consumer.control('orders')?.replay({ from: new Date(0) });
  expect(report?.messages).toBe(3);
  const later = acked(2);
  for (const id of ['d', 'e']) await publish(id);
  await later;
  expect(begunAt).toHaveLength(8);
  // n.b. not the gaps: a handler that a busy machine began late is followed by one that begins in time.
  const early = begunAt.filter((at, index) => at < askedAt + index * (EVERY_MS - TIMER_EARLY_MS));
  expect(early).toEqual([]);
  await consumer.drain(1_000);
  await connection.close();
});

describe('policies together', () => {
  it('stand in the order of the library, functions of the user’s own next to the handler', async () => {
    const trace: string[] = [];
    const own: Policy = (next) => async (payload, context) => {
      trace.push(`before ${context.id.at(-1)}`);
      await next(payload, context);
      trace.push('after');
    };
    const policies = [own, timeout({ timeoutMs: 100 }), throttle({ everyMs: 1_000 })];
    const { deliver, advance, names } = await setUp(policies, () => void trace.push('handler'));
    await deliver('a', 'b');
    // The wait for the throttle is ten times the timeout: its clock begins when the handler does.
    await advance(1_000);
    expect(trace).toEqual(['before 0', 'handler', 'after', 'before 1', 'handler', 'after']);
    expect(names()).toEqual(['message:acked', 'message:acked']);
  });

  it('are shared by the handlers of a subscription, and by no other', () => {
    const limit = throttle({ everyMs: 1_000 });
    const kept: string[] = [];
    const hold = ({ id }: Delivery): Promise<void> => (kept.push(id), new Promise(() => undefined));
    const start = () => limit.start({ clock: new ManualClock(), hold } as never);
    const [first, second] = [start(), start()];
    const begun: string[] = [];
    const handle: Handle = (_, { id }) => void begun.push(id);
    for (const [around, id] of [
      [first, 'a1'],
      [first, 'a2'],
      [second, 'b1'],
    ] as const)
      void around(handle)(1, { id } as Delivery);
    expect([begun, kept]).toEqual([['a1', 'b1'], ['a2']]);
    expect(JSON.stringify(limit)).toBe('{"kind":"throttle","options":{"everyMs":1000}}');
  });

  it.each([
    ['one kind twice', [timeout({ timeoutMs: 1 }), timeout({ timeoutMs: 2 })], 'timeout is there more than once'],
  ])('are refused: %s', async (_, policies, words) => {
    await expect(setUp(policies, () => undefined)).rejects.toThrow(words);
  });

  it.each([
    [() => timeout({} as never), 'timeout(): timeoutMs is missing'],
    [() => timeout({ timeoutMs: 0 }), 'timeoutMs must be an integer >= 1'],
    [() => rateLimit({ messages: 1 } as never), 'rateLimit(): perMs is missing'],
    [() => throttle({ every: 1 } as never), 'Did you mean "everyMs"?'],
    [() => circuitBreaker({ failureRatio: 2 }), 'failureRatio must be a number from 0 to 1, got 2'],
  ])('refuse options that make no sense', (make, words) => {
    expect(make).toThrow(words);
  });
});
