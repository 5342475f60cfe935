import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { BrokerConnection, OutgoingMessage } from 'nest-transport';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

const MAX_MESSAGE_BYTES = 100_000;
let server: PrivateRabbitmq;
beforeAll(async () => {
  server = await startRabbitmq({ config: { max_message_size: String(MAX_MESSAGE_BYTES) } });
}, 60_000);
afterAll(() => server.stop());
afterEach(closeAll);

const tooLarge = (topic: string): OutgoingMessage => ({
  ...message(topic),
  body: Buffer.alloc(2 * MAX_MESSAGE_BYTES),
});

/** A connection with a queue for each topic. */
async function subscribed(topics: readonly string[]) {
  const connection = await connected({ url: server.url });
  const sink = new AckingSink();
  await connection.ensureTopics(topics, 'subscribe');
  await connection.consume(topics.map((topic) => ({ subscription: subscription(topic, 'g'), sink })));
  return { connection, sink };
}

describe('a message that RabbitMQ closes the channel for', () => {
  test('fails alone: publishes to another topic at the same moment are stored once and get receipts', async () => {
    const [small, large] = [uniqueName('small'), uniqueName('large')];
    const { connection, sink } = await subscribed([small, large]);
    const ids: string[] = [];
    for (let round = 0; round < 20; round++) {
      const one = message(small);
      ids.push(one.id);
      const innocent = connection.producer.send([one]);
      const guilty = connection.producer.send([tooLarge(large)]);
      expect(await innocent).toMatchObject([{ id: one.id, topic: small }]);
      expect(await guilty).toMatchObject([{ code: 'TRANSPORT_MESSAGE_TOO_LARGE', topic: large, stored: 'no' }]);
    }
    await Promise.all(ids.map((id) => sink.got(id)));
    expect(sink.ids).toEqual(ids);
  });

  test('fails alone among the messages of its request', async () => {
    const topic = uniqueName('mixed');
    const { connection, sink } = await subscribed([topic]);
    const small = [message(topic), message(topic), message(topic)] as const;
    const [first, second, third] = small;
    const results = await connection.producer.send([first, tooLarge(topic), second, tooLarge(topic), third]);
    const refused = { code: 'TRANSPORT_MESSAGE_TOO_LARGE', stored: 'no' };
    expect(results).toMatchObject([{ id: first.id }, refused, { id: second.id }, refused, { id: third.id }]);
    await Promise.all(small.map(({ id }) => sink.got(id)));
  });

  test('is found where the reason names no message: the others of its request are stored', async () => {
    const topic = uniqueName('unnamed');
    const { connection, sink } = await subscribed([topic]);
    // RabbitMQ refuses a CC header that is not an array, and its sentence names no message.
    const bad = { ...message(topic), headers: { CC: 'not-an-array' } };
    const good = Array.from({ length: 8 }, () => message(topic));
    const results = await connection.producer.send([...good.slice(0, 5), bad, ...good.slice(5)]);
    expect(results[5]).toMatchObject({ code: 'TRANSPORT_OPTION_CONFLICT', stored: 'no' });
    expect(results.filter((_, index) => index !== 5)).toMatchObject(good.map(({ id }) => ({ id })));
    await Promise.all(good.map(({ id }) => sink.got(id)));
  });
});

describe('a quorum queue that cannot confirm', () => {
  const suspend = (topic: string) => server.control('eval', `sys:suspend(list_to_atom("%2F_g:${topic}")).`);
  const resume = (topic: string) => server.control('eval', `sys:resume(list_to_atom("%2F_g:${topic}")).`);
  const stored = async ({ producer }: BrokerConnection, topic: string): Promise<void> => {
    const one = message(topic);
    expect(await producer.send([one])).toMatchObject([{ id: one.id }]);
  };

  test.each([1, 2_000])(
    'delays only its own topic (%i messages wait)',
    async (count) => {
      const [good, stuck] = [uniqueName('good'), uniqueName('stuck')];
      const { connection } = await subscribed([good, stuck]);
      for (const topic of [good, stuck]) await stored(connection, topic);
      await suspend(stuck);
      const waiting = connection.producer.send(Array.from({ length: count }, () => message(stuck)));
      for (let n = 0; n < 5; n++) {
        await pause(100);
        await stored(connection, good);
      }
      await resume(stuck);
      expect(await waiting).toHaveLength(count);
    },
    120_000,
  );
});

/** A port that leads to the server, whose connections a test can cut. */
async function cuttableWire(target: number) {
  const sockets = new Set<Socket>();
  const gate = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => other.destroy());
      socket.pipe(other);
    }
  });
  await once(gate.listen(0, '127.0.0.1'), 'listening');
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  const close = (): void => void (cut(), gate.close());
  return { port: (gate.address() as AddressInfo).port, cut, close };
}

describe('a burst of publishes to one topic, on several channels', () => {
  const KEYS = 40;
  const burst = (topic: string, count: number): OutgoingMessage[] =>
    Array.from({ length: count }, (_, n) => ({
      ...message(topic, `${topic}-${n}`),
      key: n % KEYS === 0 ? undefined : `key-${n % KEYS}`,
    }));
  const isInOrder = (ids: readonly string[]): boolean =>
    ids.every((id, at) => at === 0 || numberOf(id) > numberOf(ids[at - 1] as string));
  const numberOf = (id: string): number => Number(id.split('-').at(-1));

  test('keeps the order per key, and among the messages without a key, though the connection is cut', async () => {
    const topic = uniqueName('burst');
    const { sink } = await subscribed([topic]);
    const wire = await cuttableWire(Number(new URL(server.url).port));
    const url = new URL(server.url);
    url.port = String(wire.port);
    const connection = await connected({ url: url.href });
    const messages = burst(topic, 4_000);
    let isFirst = true;
    const results = await connection.producer.send(messages, {
      stored: (index) => {
        if (index < 1_000 || !isFirst) return;
        isFirst = false;
        wire.cut();
      },
      next: () => [],
    });
    expect(isFirst).toBe(false);
    expect(results.filter((result) => 'code' in result)).toEqual([]);
    await Promise.all(messages.map(({ id }) => sink.got(id)));
    const firstTimes = [...new Set(sink.ids)];
    for (let key = 0; key < KEYS; key++) {
      expect(isInOrder(firstTimes.filter((id) => numberOf(id) % KEYS === key))).toBe(true);
    }
    wire.close();
  });
});
