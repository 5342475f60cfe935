import { Notices } from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { wrapBroker } from '../../testing/faults/wrap-broker.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { Consumer } from '../consumer.js';
import { StarvationWatch } from './starvation-watch.js';

/** A subscription whose driver says `waiting`, and what was noticed of it. */
function setUp(waiting: () => number | undefined) {
  const clock = new ManualClock();
  const notices = new Notices();
  const noticed: string[] = [];
  notices.on('subscription:starved', (notice) => noticed.push(`starved ${notice.waiting}`));
  notices.on('subscription:receiving', () => noticed.push('receiving'));
  const subscription = { topic: 'orders', group: 'stock', received: 0, hasRoom: true };
  const watch = new StarvationWatch({ service: 's', broker: 'main', notices, clock }, [subscription]);
  let asked = 0;
  const consumption = {
    waiting: async () => {
      asked++;
      return [waiting()];
    },
  };
  watch.begin(consumption);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const problem = () => watch.problemOf('orders', 'stock');
  return { watch, clock, subscription, noticed, pass, problem, asked: () => asked };
}

test('a subscription that receives nothing while messages wait is a problem within 10 seconds, until one arrives', async () => {
  const { subscription, noticed, pass, problem } = setUp(() => 7);
  await pass(10_000);
  expect(problem()).toBe('"orders" (group "stock") receives nothing, although the broker holds 7 messages for it.');
  subscription.received = 1;
  expect(problem()).toBeUndefined();
  await pass(3_500);
  expect(noticed).toEqual(['starved 7', 'receiving']);
});

test('a starved subscription for which nothing waits any more is no problem', async () => {
  let waiting = 3;
  const { noticed, pass, problem } = setUp(() => waiting);
  await pass(10_000);
  waiting = 0;
  await pass(3_500);
  expect(problem()).toBeUndefined();
  expect(noticed).toEqual(['starved 3', 'receiving']);
});

test('what the driver does not know makes no subscription starved, and ends no starvation', async () => {
  let waiting: number | undefined;
  const { noticed, pass, problem } = setUp(() => waiting);
  await pass(30_000);
  expect(noticed).toEqual([]);
  waiting = 1;
  await pass(10_000);
  waiting = undefined;
  await pass(10_000);
  expect(problem()).toBeDefined();
});

test('a subscription that receives messages, or has no room for another, is not asked about', async () => {
  const { subscription, noticed, pass, asked } = setUp(() => 5);
  const first = asked();
  for (let time = 0; time < 20; time++) {
    subscription.received++;
    await pass(1_000);
  }
  subscription.hasRoom = false;
  await pass(20_000);
  expect(asked() - first).toBe(0);
  expect(noticed).toEqual([]);
});

test('one look at which messages wait is no starvation: they may be on their way', async () => {
  const answers = [4, 0, 4, 0, 4, 0];
  const { noticed, pass } = setUp(() => answers.shift());
  await pass(30_000);
  expect(noticed).toEqual([]);
});

test('an answer of the driver that fails is no answer, and does not end the watch', async () => {
  let fails = true;
  const { noticed, pass } = setUp(() => {
    if (fails) throw new Error('the broker is away');
    return 2;
  });
  await pass(10_000);
  fails = false;
  await pass(10_000);
  expect(noticed).toEqual(['starved 2']);
});

test('messages that arrive while the driver answers are no starvation', async () => {
  const { subscription, noticed, pass } = setUp(() => {
    subscription.received++;
    return 1;
  });
  await pass(30_000);
  expect(noticed).toEqual([]);
});

test('a watch that has ended looks no more, and leaves no timer', async () => {
  const { watch, pass, asked, problem } = setUp(() => 5);
  await pass(10_000);
  const before = asked();
  watch.end();
  await pass(10_000);
  expect(asked()).toBe(before);
  expect(problem()).toBeUndefined();
});

test('a driver that loses its deliveries does not leave the consumer without a problem', async () => {
  const clock = new ManualClock();
  const host = { service: 's', broker: 'main', notices: new Notices(), clock };
  const lossy = wrapBroker(memory(), () => ({ receive: () => undefined, waiting: () => Promise.resolve([3]) }));
  const connection = lossy.open(host);
  const route = { type: undefined, schema: undefined, handle: () => undefined };
  const plan = { topic: 'orders', group: 'stock', where: 'Orders.take', options: {}, routes: [route] };
  const consumer = new Consumer(lossy, connection, host, [plan]);
  await consumer.start();
  expect(consumer.problems).toEqual([]);
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(consumer.problems).toEqual([expect.stringMatching(/^"orders" \(group "stock"\) receives nothing/)]);
  await consumer.drain(1_000);
  await connection.close();
});
