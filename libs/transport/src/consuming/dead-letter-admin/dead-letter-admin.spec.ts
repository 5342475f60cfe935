import { Notices, type BrokerConnection, type BrokerHealth, type Delivery } from '../../contract/index.js';
import { memory } from '../../drivers/memory/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { DeadLetterAdmin } from './dead-letter-admin.js';

const TOPIC = 'orders.g.dead-letter';
const clock = new ManualClock();
const ending = new AbortController();
const host = { service: 's', broker: 'default', notices: new Notices(), clock };

/**
 * A dead-letter admin with three letters, on a broker that cannot report where a topic ends and whose health a test
 * sets.
 */
async function adminOver(ids: readonly string[], signal?: AbortSignal) {
  const own = memory({ retainMessages: 1_000_000 }).open(host);
  const broker = { status: 'up' as BrokerHealth['status'], held: [] as Delivery[] };
  const connection: BrokerConnection = {
    producer: own.producer,
    connect: (abort) => own.connect(abort),
    connectOnce: () => own.connectOnce(),
    ensureTopics: (topics, purpose) => own.ensureTopics(topics, purpose),
    consume: async ([first]) => {
      const receive = (deliveries: readonly Delivery[]) => {
        broker.held.push(...deliveries);
        return first?.sink.receive(deliveries);
      };
      const consumption = await own.consume(
        first === undefined ? [] : [{ ...first, sink: { receive, revoked: () => first.sink.revoked() } }],
      );
      return { stop: () => consumption.stop(), close: () => consumption.close() };
    },
    health: () => ({ status: broker.status, problems: [] }),
    close: () => own.close(),
  };
  await own.producer.send(
    ids.map((id) => {
      const headers = { 'message-id': id, 'dead-letter-topic': 'orders' };
      return { topic: TOPIC, key: 'k', body: Buffer.from('1'), headers, id, partition: undefined };
    }),
  );
  return { admin: new DeadLetterAdmin(connection, host, signal), broker };
}

/** Advances the time until the promise settles. */
async function soon<T>(promise: Promise<T>, ms = 10_000): Promise<T | 'not yet'> {
  let outcome: { readonly value: T } | undefined;
  promise.then((value) => (outcome = { value })).catch(() => undefined);
  for (let waited = 0; waited < ms && outcome === undefined; waited += 100) {
    clock.advance(100);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return outcome === undefined ? 'not yet' : promise;
}

test('a reading waits for an unreachable broker until it is back and quiet', async () => {
  const { admin, broker } = await adminOver(['a', 'b']);
  broker.status = 'down';
  const listed = admin.list(TOPIC);
  expect(await soon(listed, 5_000)).toBe('not yet');
  broker.status = 'up';
  expect(await soon(listed)).toHaveLength(2);
});

test('a letter that the broker revoked is not sent a second time, and later letters of its key stay as well', async () => {
  const { admin, broker } = await adminOver(['a', 'b', 'c']);
  const replayed = admin.replay(TOPIC, { ratePerSecond: 1 });
  await soon(new Promise(() => undefined), 1_500);
  for (const delivery of broker.held) if (delivery.id === 'b') delivery.state = 'revoked';
  expect(await soon(replayed)).toMatchObject({ done: ['a'], left: [{ id: 'b' }, { id: 'c' }] });
});

test('a replay reports its progress after each letter', async () => {
  const { admin } = await adminOver(['a', 'b']);
  const steps: string[] = [];
  const onProgress = (dealtWith: number, of: number): void => void steps.push(`${dealtWith}/${of}`);
  await soon(admin.replay(TOPIC, { dryRun: true, onProgress }));
  expect(steps).toEqual(['1/2', '2/2']);
});

test('a replay ends when its application shuts down, and leaves what is not sent yet', async () => {
  const { admin } = await adminOver(['a', 'b', 'c'], ending.signal);
  const replayed = admin.replay(TOPIC, { ratePerSecond: 1 });
  await soon(new Promise(() => undefined), 1_500);
  ending.abort();
  const left = [{ id: 'b', error: { code: 'TRANSPORT_CLOSED' } }, { id: 'c' }];
  expect(await soon(replayed, 1_500)).toMatchObject({ done: ['a'], left });
  await expect(admin.list(TOPIC)).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
});

test('the cost of a replay grows linearly with the letters of a topic', async () => {
  const ids = Array.from({ length: 30_000 }, (_, n) => `id-${n}`);
  const { admin } = await adminOver(ids);
  const before = process.cpuUsage();
  const limit = ids.length + 1;
  expect(await soon(admin.count(TOPIC, { limit }))).toMatchObject([{ count: ids.length }]);
  expect(await soon(admin.discard(TOPIC, { limit, ids }))).toMatchObject({ done: { length: ids.length } });
  const { user } = process.cpuUsage(before);
  // Measured: 1.5 s, and 20 s with a search per letter.
  expect(user / 1e6).toBeLessThan(10);
});

test.each(['ids', 'fingerprint'])('a selection by %s that is undefined does not select all', async (name) => {
  const { admin } = await adminOver(['a']);
  for (const work of ['discard', 'replay'] as const) {
    expect(() => admin[work](TOPIC, { [name]: undefined })).toThrow(`${work}: ${name} is undefined`);
  }
  expect(await soon(admin.list(TOPIC))).toHaveLength(1);
});
