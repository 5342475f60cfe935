import { Notices } from '../../contract/index.js';
import { systemClock } from '../../shared/index.js';
import { memory } from '../../drivers/memory/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { Consumer } from '../consumer.js';
import { RetryAfter } from '../runner/outcomes.js';
import type { SubscriptionPlan } from '../subscription/subscription-plan.js';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('a replay waits for what failed in it, also where the live group gives such messages back to the broker', async () => {
  const clock = new ManualClock();
  const host = { service: 's', broker: 'default', notices: new Notices(), clock };
  const broker = memory();
  const connection = broker.open(host);
  const calls: string[] = [];
  const plan: SubscriptionPlan = {
    topic: 'orders',
    group: 'g',
    where: 'Orders.take',
    options: { ordering: 'none', retry: { maxAttempts: 1, redeliveryDelaysMs: [60_000] } },
    routes: [
      {
        type: undefined,
        schema: undefined,
        handle: (_, { group, attempt }) => {
          const isReplay = group.includes('.replay.');
          calls.push(`${isReplay ? 'replay' : 'live'} ${attempt}`);
          if (isReplay && attempt === 1) throw new RetryAfter(1);
        },
      },
    ],
  };
  const consumer = new Consumer(broker, connection, host, [plan]);
  await consumer.start();
  const message = {
    topic: 'orders',
    key: undefined,
    body: Buffer.from('1'),
    headers: {},
    id: 'a',
    partition: undefined,
  };
  await connection.producer.send([message]);
  await turns();
  clock.advance(1_000);
  let ended = false;
  void consumer
    .control('orders')
    ?.replay({ from: new Date(0) })
    .then(() => (ended = true));
  const after = async (ms: number) => {
    for (let waited = 0; waited < ms; waited += 500, await turns()) clock.advance(500);
    return { calls: [...calls], ended };
  };
  expect(await after(30_000)).toEqual({ calls: ['live 1', 'replay 1'], ended: false });
  expect(await after(35_000)).toEqual({ calls: ['live 1', 'replay 1', 'replay 2'], ended: true });
  const drained = consumer.drain(1_000);
  clock.advance(1_000);
  await drained;
  await connection.close();
});

test('a replay ends with its application: its handlers are waited for, no other begins, and who asked for it is told', async () => {
  const host = { service: 's', broker: 'default', notices: new Notices(), clock: systemClock };
  const broker = memory();
  const connection = broker.open(host);
  const replayed: number[] = [];
  let finish = (): void => undefined;
  const plan: SubscriptionPlan = {
    topic: 'orders',
    group: 'g',
    where: 'Orders.take',
    options: { concurrency: 1, maxInFlight: 1, policies: [(next) => next] },
    routes: [
      {
        type: undefined,
        schema: undefined,
        handle: async (payload, { group }) => {
          if (!group.includes('.replay.')) return;
          replayed.push(payload as number);
          await new Promise<void>((resolve) => (finish = resolve));
        },
      },
    ],
  };
  const consumer = new Consumer(broker, connection, host, [plan]);
  await consumer.start();
  for (const n of [1, 2, 3]) {
    const body = Buffer.from(`${n}`);
    await connection.producer.send([
      { topic: 'orders', key: 'k', body, headers: {}, id: `${n}`, partition: undefined },
    ]);
  }
  const until = new Date(Date.now() + 60_000);
  const replay = consumer.control('orders')?.replay({ from: new Date(0), until });
  const refused = expect(replay).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
  while (replayed.length === 0) await turns();
  const drained = consumer.drain(5_000);
  await turns();
  finish();
  await drained;
  await refused;
  await expect(consumer.control('orders')?.replay({ from: new Date(0) })).rejects.toMatchObject({
    code: 'TRANSPORT_CLOSED',
  });
  await connection.close();
  expect(replayed).toEqual([1]);
});
