import { Notices, type Delivery } from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { wrapBroker, type Interception } from '../../testing/faults/wrap-broker.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { Consumer } from '../consumer.js';
import { DeadLetterAdmin } from '../dead-letter-admin/dead-letter-admin.js';

const STALL_MS = 1_500;

/** A handler of `orders`, a dead-letter admin, and a broker that reads with `by` in its way; nothing passes but by `clock`. */
async function setUp(by: (clock: ManualClock) => Interception, then: (n: number) => Promise<void> = async () => {}) {
  const clock = new ManualClock();
  const host = { service: 's', broker: 'default', notices: new Notices(), clock };
  const broker = wrapBroker(memory({ partitions: 1 }), () => by(clock));
  const connection = broker.open(host);
  const replayed: number[] = [];
  const handle = async (payload: unknown, { group }: { readonly group: string }): Promise<void> => {
    if (!group.includes('.replay.')) return;
    replayed.push(payload as number);
    await then(payload as number);
  };
  const route = { type: undefined, schema: undefined, handle };
  const options = { maxInFlight: 1, concurrency: 1 };
  const consumer = new Consumer(broker, connection, host, [
    { topic: 'orders', group: 'g', where: 'Orders.take', options, routes: [route] },
  ]);
  await consumer.start();
  const publish = async (n: number): Promise<void> => {
    const body = Buffer.from(`${n}`);
    await connection.producer.send([
      { topic: 'orders', key: undefined, body, headers: {}, id: `${n}`, partition: undefined },
    ]);
  };
  const replay = () => {
    const until = new Date(clock.now() + 3_600_000);
    return consumer.control('orders')?.replay({ from: new Date(0), until }) ?? Promise.reject(new Error('none'));
  };
  const close = async (): Promise<void> => {
    const drained = consumer.drain(1_000);
    clock.advance(1_000);
    await drained;
    await connection.close();
  };
  return { clock, connection, admin: new DeadLetterAdmin(connection, host), publish, replay, replayed, close };
}

/** Each hand-over to a reading takes so long. */
const stalling =
  (stallMs: number, groups = /\.replay\.|dead-letter-admin/) =>
  (clock: ManualClock): Interception => ({
    receive: async (deliveries, go, { group }) => {
      if (groups.test(group)) await new Promise<void>((resolve) => void clock.schedule(stallMs, resolve));
      await go(deliveries);
    },
  });

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Lets at most so much time pass until something is there. */
async function within<Value>(ms: number, clock: ManualClock, promise: Promise<Value>): Promise<Value | 'not yet'> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  promise.then(settle, settle);
  await turns();
  for (let passed = 0; passed < ms && !isSettled; passed += 50, await turns()) clock.advance(50);
  return isSettled ? promise : 'not yet';
}

test('a broker that stalls for longer than a second while it is up cuts no replay short', async () => {
  const { clock, publish, replay, replayed, close } = await setUp(stalling(STALL_MS));
  for (const n of [1, 2, 3]) await publish(n);
  expect(await within(30_000, clock, replay())).toEqual({ messages: 3 });
  expect(replayed).toEqual([1, 2, 3]);
  await close();
});

test('a broker that stalls for longer than a second while it is up cuts no reading of dead letters short', async () => {
  const { clock, publish, admin, close } = await setUp(stalling(STALL_MS));
  for (const n of [1, 2, 3]) await publish(n);
  expect(await within(30_000, clock, admin.list('orders'))).toHaveLength(3);
  await close();
});

test('an empty topic ends at once, and so does one that was read, as soon as its handlers have ended', async () => {
  const { clock, publish, replay, admin, close } = await setUp(() => ({}));
  expect(await within(0, clock, admin.list('orders'))).toEqual([]);
  expect(await within(0, clock, replay())).toEqual({ messages: 0 });
  for (const n of [1, 2, 3]) await publish(n);
  expect(await within(50, clock, replay())).toEqual({ messages: 3 });
  expect(await within(0, clock, admin.list('orders'))).toHaveLength(3);
  await close();
});

test('a topic that grows while it is read ends where it ended when the reading began', async () => {
  let next = 4;
  const { clock, publish, replay, replayed, close } = await setUp(
    () => ({}),
    () => publish(next++),
  );
  for (const n of [1, 2, 3]) await publish(n);
  expect(await within(1_000, clock, replay())).toEqual({ messages: replayed.length });
  expect(replayed.slice(0, 3)).toEqual([1, 2, 3]);
  expect(replayed.length).toBeLessThan(6);
  await close();
});

test('a broker that is there and never comes to the end is told, and what was read is not taken for all', async () => {
  const { clock, publish, replay, admin, close } = await setUp(stalling(3_600_000));
  await publish(1);
  const incomplete = { code: 'TRANSPORT_READING_INCOMPLETE', retryable: true, topic: 'orders' };
  await expect(within(31_000, clock, replay())).rejects.toMatchObject(incomplete);
  await expect(within(31_000, clock, admin.list('orders'))).rejects.toMatchObject(incomplete);
  await close();
});

test('a handler that takes long is no silence', async () => {
  let finish = (): void => undefined;
  const { clock, publish, replay, close } = await setUp(
    () => ({}),
    () => new Promise<void>((resolve) => (finish = resolve)),
  );
  for (const n of [1, 2]) await publish(n);
  const replaying = replay();
  expect(await within(120_000, clock, replaying)).toBe('not yet');
  finish();
  expect(await within(120_000, clock, replaying)).toBe('not yet');
  finish();
  expect(await within(50, clock, replaying)).toEqual({ messages: 2 });
  await close();
});

test('an end that cannot be learned is an error, and what runs is waited for', async () => {
  const { clock, publish, replay, close } = await setUp(() => ({
    untilEnd: () => Promise.reject(new RangeError('no such offset')),
  }));
  await publish(1);
  await expect(within(1_000, clock, replay())).rejects.toThrow('no such offset');
  await close();
});

test('where the driver cannot say where a topic ends, a second without a message is the end, and a handler that runs is none', async () => {
  let finish = (): void => undefined;
  const { clock, publish, replay, close } = await setUp(
    () => ({
      consume: async (subscriptions, go) => {
        const consumption = await go(subscriptions);
        return { stop: () => consumption.stop(), close: () => consumption.close() };
      },
    }),
    () => new Promise<void>((resolve) => (finish = resolve)),
  );
  for (const n of [1, 2]) await publish(n);
  const replaying = replay();
  expect(await within(5_000, clock, replaying)).toBe('not yet');
  finish();
  expect(await within(5_000, clock, replaying)).toBe('not yet');
  finish();
  expect(await within(900, clock, replaying)).toBe('not yet');
  expect(await within(1_200, clock, replaying)).toEqual({ messages: 2 });
  await close();
});

test('two dead-letter admins that read one topic share its letters, and neither waits for those of the other', async () => {
  const { clock, publish, connection, admin, close } = await setUp(() => ({}));
  await publish(1);
  const held: Delivery[] = [];
  const other = await connection.consume([
    {
      subscription: {
        ...{ topic: 'orders', group: 'dead-letter-admin', delivery: 'group', startFrom: 'beginning' },
        ...{ ordering: 'none', concurrency: 1, maxInFlight: 10 },
      } as const,
      sink: { receive: (deliveries) => void held.push(...deliveries), revoked: () => undefined },
    },
  ]);
  await within(0, clock, Promise.resolve());
  expect(held).toHaveLength(1);
  expect(await within(0, clock, admin.list('orders'))).toEqual([]);
  await other.close();
  expect(await within(0, clock, admin.list('orders'))).toHaveLength(1);
  await close();
});
