import {
  Notices,
  TransportError,
  type Broker,
  type Clock,
  type Consumption,
  type NoticeMap,
} from '../contract/index.js';
import { memory } from '../drivers/memory/index.js';
import { BrokerRuntime } from './broker-runtime.js';
import { resolveModuleOptions } from './module-options.js';
import { START_PATIENCE_MS } from './lifecycle/until-known.js';

const away = new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'nobody there', { retryable: true });
const badLogin = new TransportError('TRANSPORT_AUTHENTICATION_FAILED', 'wrong password');

/** Until idle subscriptions are compared with what waits for them. */
const NEXT_LOOK_MS = 3_000;

/** A clock whose timers run when they are told to. */
class HandClock implements Clock {
  readonly #timers = new Map<() => void, number>();
  now = (): number => 0;
  monotonicMs = (): number => 0;
  schedule(delayMs: number, action: () => void): () => void {
    this.#timers.set(action, delayMs);
    return () => this.#timers.delete(action);
  }
  get delays(): readonly number[] {
    return [...this.#timers.values()];
  }
  fire(): void {
    const actions = [...this.#timers.keys()];
    this.#timers.clear();
    for (const action of actions) action();
  }
}

interface Steps {
  readonly connect?: () => Promise<void>;
  readonly connectOnce?: () => Promise<void>;
  readonly ensureTopics?: () => Promise<void>;
  readonly consume?: () => Promise<Consumption>;
  readonly close?: () => Promise<void>;
}

function setUp(steps: Steps, connect: 'wait' | 'fail' = 'wait') {
  const inner = memory();
  const broker: Broker = {
    driver: 'memory',
    capabilities: inner.capabilities,
    checkSubscription: (subscription) => inner.checkSubscription(subscription),
    open: (host) => Object.assign(inner.open(host), steps),
  };
  const clock = new HandClock();
  const notices = new Notices();
  const told: (keyof NoticeMap)[] = [];
  for (const name of ['broker:unreachable', 'subscription:crashed', 'subscription:started'] as const) {
    notices.on(name, () => told.push(name));
  }
  const options = resolveModuleOptions('test', { service: 's', broker, connect });
  const runtime = new BrokerRuntime(broker, { service: 's', broker: 'default', notices, clock }, options);
  const plan = { topic: 't', group: 'g', where: 'A.a', options: {}, routes: [] };
  const route = { type: undefined, schema: undefined, handle: () => undefined };
  runtime.prepare([{ ...plan, routes: [route] }]);
  return { runtime, clock, notices, told };
}

const turn = (): Promise<void> => new Promise(setImmediate);

test('is up when it is connected and every subscription is placed', async () => {
  const { runtime, clock } = setUp({});
  expect(runtime.isUp).toBe(false);
  await runtime.open();
  expect(runtime.isUp).toBe(false);
  await runtime.subscribe();
  expect(runtime.isUp).toBe(true);
  expect(clock.delays).toEqual([NEXT_LOOK_MS]);
  await runtime.close(10);
  expect(runtime.isUp).toBe(false);
  expect(clock.delays).toEqual([]);
});

test('a start waits for a silent broker as long as its patience lasts, then goes on without it', async () => {
  let answer = (): void => undefined;
  const { runtime, clock } = setUp({ connect: () => new Promise((resolve) => (answer = resolve)) });
  const opened = runtime.open();
  await turn();
  expect(clock.delays).toEqual([START_PATIENCE_MS]);
  clock.fire();
  await opened;
  expect(runtime.health()).toMatchObject({ status: 'down', problems: [expect.stringContaining('not connected yet')] });
  const subscribed = runtime.subscribe();
  clock.fire();
  await subscribed;
  answer();
  await turn();
  expect(runtime.isUp).toBe(true);
});

test('what cannot be mended fails the start while it waits', async () => {
  const { runtime } = setUp({ connect: () => Promise.reject(badLogin) });
  await expect(runtime.open()).rejects.toBe(badLogin);
});

test('what cannot be mended after the start is told, makes the broker down, and is tried again', async () => {
  let fail = (_: Error): void => undefined;
  let tries = 0;
  const connect = (): Promise<void> =>
    ++tries === 1 ? new Promise((_, reject) => (fail = reject)) : Promise.resolve();
  const { runtime, clock, notices, told } = setUp({ connect });
  const opened = runtime.open();
  notices.emit('broker:unreachable', { broker: 'default', error: away });
  await opened;
  await runtime.subscribe();
  fail(badLogin);
  await turn();
  expect(told).toEqual(['broker:unreachable', 'broker:unreachable']);
  expect(runtime.health()).toMatchObject({ status: 'down', problems: [expect.stringContaining('wrong password')] });
  clock.fire();
  await turn();
  expect(told).toEqual(['broker:unreachable', 'broker:unreachable', 'subscription:started']);
  expect(runtime.isUp).toBe(true);
  expect(runtime.health()).toEqual({ status: 'up', problems: [] });
});

test('a topic that is missing after the start is told per subscription, and looked for again', async () => {
  const missing = new TransportError('TRANSPORT_TOPIC_MISSING', 'no such topic');
  let arrive = (): void => undefined;
  let looks = 0;
  const { runtime, clock, notices, told } = setUp({
    connect: () => new Promise((resolve) => (arrive = resolve)),
    ensureTopics: () => (++looks === 1 ? Promise.reject(missing) : Promise.resolve()),
  });
  const opened = runtime.open();
  notices.emit('broker:unreachable', { broker: 'default', error: away });
  await opened;
  await runtime.subscribe();
  arrive();
  await turn();
  expect(told).toEqual(['broker:unreachable', 'subscription:crashed']);
  clock.fire();
  await turn();
  expect(told).toEqual(['broker:unreachable', 'subscription:crashed', 'subscription:started']);
  expect(runtime.isUp).toBe(true);
});

test("with connect: 'fail' a broker that is away fails the start", async () => {
  const { runtime } = setUp({ connectOnce: () => Promise.reject(away) }, 'fail');
  await expect(runtime.open()).rejects.toBe(away);
});

test('a drain ends every wait and leaves no timer', async () => {
  let fail = (_: Error): void => undefined;
  const { runtime, clock, notices, told } = setUp({ connect: () => new Promise((_, reject) => (fail = reject)) });
  const opened = runtime.open();
  notices.emit('broker:unreachable', { broker: 'default', error: away });
  await opened;
  await runtime.drain(10);
  fail(new TransportError('TRANSPORT_CLOSED', 'closed'));
  await turn();
  expect(told).toEqual(['broker:unreachable']);
  await runtime.close(10);
  expect(clock.delays).toEqual([]);
});

test('a close ends at its limit although the broker answers nothing, and at the least after two seconds for each step', async () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const consumption = { stop: () => Promise.resolve(), close: never };
  const { runtime, clock } = setUp({ consume: () => Promise.resolve(consumption), close: never });
  await runtime.open();
  await runtime.subscribe();
  let isClosed = false;
  const closed = runtime.close(10).then(() => (isClosed = true));
  for (const limitMs of [2_000, 2_000]) {
    await turn();
    expect([isClosed, clock.delays]).toEqual([false, [limitMs]]);
    clock.fire();
  }
  await closed;
});

test('a broker that answers and has a node that does not is waited for, as one that is away', async () => {
  let looks = 0;
  const { runtime, clock, told } = setUp({
    ensureTopics: () => (++looks === 1 ? Promise.reject(away) : Promise.resolve()),
  });
  await runtime.open();
  await runtime.subscribe();
  expect(told).toEqual(['subscription:crashed']);
  expect(runtime.health()).toMatchObject({ status: 'down', problems: [expect.stringContaining('nobody there')] });
  clock.fire();
  await turn();
  expect(told).toEqual(['subscription:crashed', 'subscription:started']);
  expect(runtime.isUp).toBe(true);
});
