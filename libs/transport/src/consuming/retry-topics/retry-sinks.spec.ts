import {
  isTransportError,
  messageOf,
  Notices,
  TransportError,
  type Broker,
  type Delivery,
  type OutgoingMessage,
} from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { wrapBroker, type Interception } from '../../testing/faults/wrap-broker.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { Consumer } from '../consumer.js';
import type { ConsumingOptions } from '../consuming-options.js';
import { RetryAfter } from '../runner/outcomes.js';

const WAIT_MS = 60_000;
const RETRY = { maxAttempts: 2, initialDelayMs: 0, maxDelayMs: 0, redeliveryDelaysMs: [WAIT_MS] } as const;

/** A broker that stores messages and brings back what was not settled, and has no timer. */
function withoutTimer(interception: Interception = {}): Broker {
  const broker = wrapBroker(memory(), () => interception);
  const emulated = { redelivery: 'emulated', delayedRedelivery: 'emulated' } as const;
  return {
    driver: 'timerless',
    capabilities: { ...broker.capabilities, ...emulated },
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => broker.open(host),
  };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const fail = (): never => {
  throw new Error('the bank is away');
};

/** One process, of those that share a clock and a broker. */
function processOf(broker: Broker, clock: ManualClock, options: ConsumingOptions = {}, handle: () => unknown = fail) {
  const notices = new Notices();
  const seen: Delivery[] = [];
  const attempts: number[] = [];
  const told: string[] = [];
  const reasons: string[] = [];
  notices.on('message:retry-scheduled', ({ error }) => void reasons.push(messageOf(error)));
  for (const name of ['message:acked', 'message:retry-scheduled', 'message:dead-lettered'] as const) {
    notices.on(name, ({ attempt, topic }) => void told.push(`${name} ${topic} ${attempt}`));
  }
  const connection = broker.open({ service: 's', broker: 'default', notices, clock });
  const route = {
    ...{ type: undefined, schema: undefined },
    handle: (_: unknown, delivery: Delivery) => {
      seen.push(delivery);
      attempts.push(delivery.attempt);
      return handle();
    },
  };
  const plan = {
    ...{ topic: 'paid', group: 'bank', where: 'Payments.charge', routes: [route] },
    options: { ordering: 'none', retry: RETRY, ...options } as const,
  };
  const consumer = new Consumer(broker, connection, { service: 's', broker: 'default', notices, clock }, [plan]);
  const publish = (id: string) =>
    connection.producer.send([
      { topic: 'paid', key: 'k', body: Buffer.from('1'), headers: { 'message-id': id }, id, partition: undefined },
    ]);
  return { consumer, connection, seen, told, reasons, publish, attempts: () => attempts };
}

async function drained(clock: ManualClock, consumer: Consumer): Promise<number> {
  const done = consumer.drain(1_000);
  await turns();
  clock.advance(1_000);
  return done;
}

/** Moves time on in steps, as timers follow one another. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await turns();
}

describe('tiers on a broker without a timer', () => {
  test('wait in a retry topic, with the original settled, and look to the handler like the original', async () => {
    const sent: OutgoingMessage[] = [];
    const broker = withoutTimer({ send: (messages, go) => (sent.push(...messages), go(messages)) });
    const clock = new ManualClock();
    const { consumer, seen, told, publish, attempts } = processOf(broker, clock);
    await consumer.start();
    await publish('m-1');
    await turns();
    await pass(clock, 1);
    expect(attempts()).toEqual([1, 2]);
    expect(consumer.inFlight).toBe(0);
    await pass(clock, WAIT_MS - 1);
    await pass(clock, 1);
    await pass(clock, 1);
    expect(attempts()).toEqual([1, 2, 3, 4]);
    const [first, , third] = seen;
    for (const field of ['id', 'topic', 'group', 'key', 'partition', 'offset', 'headers', 'type'] as const) {
      expect([field, third?.[field]]).toEqual([field, first?.[field]]);
    }
    expect(told).toEqual([
      'message:retry-scheduled paid 1',
      'message:retry-scheduled paid 2',
      'message:retry-scheduled paid 3',
      'message:dead-lettered paid 4',
    ]);
    const [, copy, deadLetter] = sent;
    expect([copy?.topic, copy?.id, deadLetter?.topic, deadLetter?.id]).toEqual([
      ...['paid.bank.retry-1', 'm-1', 'paid.bank.dead-letter', 'm-1'],
    ]);
    expect(deadLetter?.headers).toMatchObject({
      'dead-letter-topic': 'paid',
      'dead-letter-offset': first?.offset,
      'dead-letter-attempts': '4',
      'dead-letter-first-failed-at': '2026-01-01T00:00:00.000Z',
    });
    expect(Object.keys(deadLetter?.headers ?? {}).filter((name) => name.startsWith('redeliver-'))).toEqual([]);
    await drained(clock, consumer);
  });

  test('come to the process that is there when they are due, no sooner, and with the attempts before', async () => {
    const broker = withoutTimer();
    const clock = new ManualClock();
    const first = processOf(broker, clock);
    await first.consumer.start();
    await first.publish('m-1');
    await turns();
    await pass(clock, 1);
    expect(first.attempts()).toEqual([1, 2]);
    expect(await drained(clock, first.consumer)).toBe(0);
    await first.connection.close();
    const next = processOf(broker, clock, {}, () => undefined);
    await next.consumer.start();
    await turns();
    await pass(clock, WAIT_MS - 1_100);
    expect(next.attempts()).toEqual([]);
    await pass(clock, 200);
    expect(next.attempts()).toEqual([3]);
    expect(next.told).toEqual(['message:acked paid 3']);
    await drained(clock, next.consumer);
    expect(clock.pending).toBe(0);
  });

  test('keep the original until their copy is stored', async () => {
    let broken = true;
    const refusal = new TransportError('TRANSPORT_PUBLISH_FAILED', 'no leader.', { stored: 'no' });
    const send: Interception['send'] = (messages, go) =>
      broken && messages[0]?.topic === 'paid.bank.retry-1' ? Promise.resolve([refusal]) : go(messages);
    const clock = new ManualClock();
    const { consumer, told, publish, attempts } = processOf(withoutTimer({ send }), clock);
    await consumer.start();
    await publish('m-1');
    await turns();
    await pass(clock, 1);
    expect([attempts(), consumer.inFlight]).toEqual([[1, 2], 1]);
    broken = false;
    await pass(clock, 2_000);
    expect([attempts(), consumer.inFlight]).toEqual([[1, 2], 0]);
    expect(told).toEqual([
      'message:retry-scheduled paid 1',
      'message:retry-scheduled paid 2',
      'message:retry-scheduled paid 2',
    ]);
    await drained(clock, consumer);
  });

  test('wait in the process where their copy would be too large, and their attempts go on', async () => {
    const refusal = new TransportError('TRANSPORT_MESSAGE_TOO_LARGE', 'it has 1,048,600 bytes.', { stored: 'no' });
    const send: Interception['send'] = (messages, go) =>
      messages[0]?.topic === 'paid.bank.retry-1' ? Promise.resolve([refusal]) : go(messages);
    const clock = new ManualClock();
    const { consumer, told, reasons, publish, attempts } = processOf(withoutTimer({ send }), clock);
    await consumer.start();
    await publish('m-1');
    await turns();
    await pass(clock, 1);
    expect([attempts(), consumer.inFlight]).toEqual([[1, 2], 1]);
    expect(reasons[1]).toMatch(/^Message m-1 of "paid" .*"paid\.bank\.retry-1".*it waits in this process\. it has/);
    await pass(clock, WAIT_MS - 1);
    expect(attempts()).toEqual([1, 2]);
    await pass(clock, 1);
    await pass(clock, 1);
    expect([attempts(), consumer.inFlight]).toEqual([[1, 2, 3, 4], 0]);
    expect(told.at(-1)).toBe('message:dead-lettered paid 4');
    await drained(clock, consumer);
  });

  test('begin nothing while their subscription is paused', async () => {
    const clock = new ManualClock();
    const { consumer, publish, attempts } = processOf(withoutTimer(), clock);
    await consumer.start();
    await publish('m-1');
    await turns();
    await pass(clock, 1);
    await consumer.control('paid')?.pause('maintenance');
    await pass(clock, WAIT_MS);
    expect(attempts()).toEqual([1, 2]);
    consumer.control('paid')?.resume();
    await turns();
    await pass(clock, 1);
    expect(attempts()).toEqual([1, 2, 3, 4]);
    await drained(clock, consumer);
  });

  test('keep one deadline over processes', async () => {
    const broker = withoutTimer();
    const clock = new ManualClock();
    const retry = { ...RETRY, maxAttempts: 1, redeliveryDelaysMs: [WAIT_MS, WAIT_MS], deadlineMs: 2 * WAIT_MS + 5 };
    const first = processOf(broker, clock, { retry });
    await first.consumer.start();
    await first.publish('m-1');
    await turns();
    await drained(clock, first.consumer);
    await first.connection.close();
    await pass(clock, WAIT_MS);
    const next = processOf(broker, clock, { retry });
    await next.consumer.start();
    await turns();
    expect(next.told).toEqual(['message:dead-lettered paid 2']);
    await drained(clock, next.consumer);
  });

  test('wait as long as RetryAfter asks for where that is longer', async () => {
    const clock = new ManualClock();
    const askForMore = () => {
      throw new RetryAfter(2 * WAIT_MS);
    };
    const retry = { ...RETRY, maxAttempts: 1 };
    const { consumer, publish, attempts } = processOf(withoutTimer(), clock, { retry }, askForMore);
    await consumer.start();
    await publish('m-1');
    await turns();
    await pass(clock, 2 * WAIT_MS - 1);
    expect(attempts()).toEqual([1]);
    await pass(clock, 1);
    expect(attempts()).toEqual([1, 2]);
    await drained(clock, consumer);
  });

  test('have their topics made sure of before anything is read', async () => {
    const asked: string[] = [];
    const ensureTopics: Interception['ensureTopics'] = (topics, go) => (asked.push(...topics), go());
    const clock = new ManualClock();
    const { consumer } = processOf(withoutTimer({ ensureTopics }), clock, { retry: { redeliveryDelaysMs: [1, 2] } });
    expect(consumer.subscriptions[0]?.retryTopics).toEqual(['paid.bank.retry-1', 'paid.bank.retry-2']);
    await consumer.start();
    expect(asked).toEqual(['paid', 'paid.bank.dead-letter', 'paid.bank.retry-1', 'paid.bank.retry-2']);
    await drained(clock, consumer);
  });

  const refusalOf = (make: () => unknown): unknown => {
    try {
      make();
    } catch (error) {
      return error;
    }
    throw new Error('it was accepted');
  };

  test('are refused where each instance is a group that ends with it', () => {
    const error = refusalOf(() => processOf(withoutTimer(), new ManualClock(), { delivery: 'every-instance' }));
    expect(isTransportError(error, 'TRANSPORT_OPTION_CONFLICT')).toBe(true);
    expect(String(error)).toMatch(
      /Payments\.charge retry: .* the group ends with its instance\. Leave redeliveryDelaysMs out/,
    );
  });

  test('are refused where a handler of their group subscribes to what waits', () => {
    const broker = withoutTimer();
    const host = { service: 's', broker: 'default', notices: new Notices(), clock: new ManualClock() };
    const plan = (topic: string, where: string, options: ConsumingOptions) => ({
      ...{ topic, group: 'bank', where, options },
      routes: [{ type: undefined, schema: undefined, handle: () => undefined }],
    });
    const plans = [
      plan('paid', 'Payments.charge', { ordering: 'none', retry: RETRY }),
      plan('paid.bank.retry-1', 'Watch.look', {}),
    ];
    const error = refusalOf(() => new Consumer(broker, broker.open(host), host, plans));
    expect(isTransportError(error, 'TRANSPORT_SUBSCRIPTION_DUPLICATE')).toBe(true);
    expect(String(error)).toMatch(/Watch\.look .*"paid\.bank\.retry-1" .* messages of Payments\.charge wait/);
  });
});
