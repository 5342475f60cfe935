import { setTimeout as pause } from 'node:timers/promises';
import { Controller } from '@nestjs/common';
import { Notices, Subscribe, TransportHealth, type Delivery, type NoticeMap } from 'nest-transport';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { startRabbitmq, type PrivateRabbitmq } from '../../tools/brokers/rabbitmq.mjs';
import { boot, closeAll as closeApplications, next, refusal, signal } from '../nest/boot.js';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

/** The server takes a message back that is not settled within this time. */
const CONSUMER_TIMEOUT_MS = 1_000;
const MAX_MESSAGE_BYTES = 65_536;
/** n.b. RabbitMQ 3.10 loses a queue that is less than a second or two old when it is killed (tools/brokers/rabbitmq.mjs). */
const QUEUES_ARE_WRITTEN_MS = 2_500;

let server: PrivateRabbitmq;
beforeAll(async () => {
  const config = { consumer_timeout: String(CONSUMER_TIMEOUT_MS), max_message_size: String(MAX_MESSAGE_BYTES) };
  server = await startRabbitmq({ config });
}, 60_000);
afterAll(() => server.stop());
afterEach(async () => {
  await closeApplications();
  await closeAll();
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await pause(20);
}

describe('a memory alarm', () => {
  const raise = () => server.control('set_vm_memory_high_watermark', '0.000001');
  const end = () => server.control('set_vm_memory_high_watermark', '0.6');
  afterEach(end);

  test('makes publishes wait and says so, stops no consumer, and what waited is stored when it ends', async () => {
    const topic = uniqueName('alarmed');
    const handled: number[] = [];
    const gate = signal();
    @Controller()
    class Orders {
      @Subscribe(topic, { concurrency: 1 })
      async take({ n }: { readonly n: number }): Promise<void> {
        await gate.came;
        handled.push(n);
      }
    }
    const broker = rabbitmq({ url: server.url });
    const { app, publisher } = await boot({ controllers: [Orders] }, { transport: { broker } });
    const health = app.get(TransportHealth);
    for (const n of [1, 2, 3]) await publisher.publish(topic, { n });

    await raise();
    // n.b. RabbitMQ tells a connection of the alarm when it publishes, and may still take what it was told at.
    const waiting = [publisher.publish(topic, { n: 4 })];
    await until(() => health.status === 'degraded');
    expect(JSON.stringify(health.report())).toContain('low on memory');
    waiting.push(publisher.publish(topic, { n: 5 }));
    gate.give();
    await until(() => [1, 2, 3].every((n) => handled.includes(n)));
    expect(handled).not.toContain(5);

    await end();
    await Promise.all(waiting);
    await until(() => handled.length === 5);
    expect(health.status).toBe('up');
  });

  test('is named by the error of a publish that waited too long', async () => {
    const topic = uniqueName('alarmed');
    const transport = {
      broker: rabbitmq({ url: server.url, unroutable: 'discard' as const }),
      publishing: { publishTimeoutMs: 1_000 },
    };
    const { app, publisher } = await boot({}, { transport });
    await raise();
    const first = publisher.publish(topic, { n: 1 }).catch(() => undefined);
    await until(() => app.get(TransportHealth).status === 'degraded');
    const error = await refusal(publisher.publish(topic, { n: 2 }));
    expect(error).toMatchObject({ code: 'TRANSPORT_PUBLISH_TIMEOUT', stored: 'no' });
    expect(error.message).toContain('low on memory');
    await first;
  });
});

/** Keeps what comes until it is told, as a handler that takes too long. */
class HoldingSink extends AckingSink {
  readonly held: Delivery[] = [];
  readonly #came = signal();
  #holds = true;

  get came(): Promise<void> {
    return this.#came.came;
  }

  override receive(deliveries: readonly Delivery[]): void {
    if (!this.#holds) return super.receive(deliveries);
    this.#holds = false;
    this.held.push(...deliveries);
    this.#came.give();
  }
}

async function holding(options: { readonly consumerTimeoutMs?: number } = {}) {
  const topic = uniqueName('held');
  const notices = new Notices();
  const seen: (keyof NoticeMap)[] = [];
  for (const name of ['subscription:crashed', 'broker:unreachable'] as const) notices.on(name, () => seen.push(name));
  const connection = await connected({ url: server.url, ...options }, notices);
  const sink = new HoldingSink();
  await connection.ensureTopics([topic], 'subscribe');
  await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
  const one = message(topic);
  await connection.producer.send([one]);
  await sink.came;
  return { topic, connection, notices, seen, sink, one };
}

/** The server looks once a minute for messages that are not settled in time; this lets it look now. */
const lookForLateMessages = () => server.control('eval', '[Channel ! tick || Channel <- rabbit_channel:list_local()].');

describe('a channel that the server closes, and no more than the channel', () => {
  test('of a consumer is begun anew: what was not settled comes again, and the connection is the same', async () => {
    const { topic, connection, notices, seen, sink, one } = await holding();
    const recovered = next(notices, 'subscription:recovered');
    await pause(CONSUMER_TIMEOUT_MS);
    const crashed = next(notices, 'subscription:crashed');
    await lookForLateMessages();
    expect((await crashed).error.message).toContain('timed out');
    await recovered;
    await sink.got(one.id);
    expect(sink.held[0]?.settle({ kind: 'ack' })).toBe(false);

    const after = message(topic);
    await connection.producer.send([after]);
    await sink.got(after.id);
    expect(seen).toEqual(['subscription:crashed']);
    expect(connection.health().status).toBe('up');
  });

  test('is not closed where consumerTimeoutMs is the time that the server leaves: the message is given back before', async () => {
    const { notices, seen, sink, one } = await holding({ consumerTimeoutMs: CONSUMER_TIMEOUT_MS });
    const { warning } = await next(notices, 'subscription:warned');
    expect(warning).toContain('(consumerTimeoutMs)');
    await sink.got(one.id);
    await lookForLateMessages();
    expect(sink.held[0]?.settle({ kind: 'ack' })).toBe(false);
    expect(seen).toEqual([]);
  });

  test('of a publisher is opened anew: the message at fault is refused, and its neighbours are stored', async () => {
    const topic = uniqueName('neighbours');
    const connection = await connected({ url: server.url });
    const sink = new AckingSink();
    await connection.ensureTopics([topic], 'subscribe');
    await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
    const large = { ...message(topic), body: Buffer.alloc(MAX_MESSAGE_BYTES + 1) };
    const [before, behind, later] = [message(topic), message(topic), message(topic)];
    const results = await connection.producer.send([before, large, behind]);
    expect(results[1]).toMatchObject({ code: 'TRANSPORT_MESSAGE_TOO_LARGE', stored: 'no' });
    expect([results[0], results[2]]).toMatchObject([{ id: before.id }, { id: behind.id }]);
    expect(await connection.producer.send([later])).toMatchObject([{ id: later.id }]);
    await Promise.all([before, behind, later].map(({ id }) => sink.got(id)));
  });
});

describe('a settlement that does not reach RabbitMQ', () => {
  const PREFETCH = 64;
  afterEach(() => void process.kill(server.pid, 'SIGCONT'));

  async function holding(topic: string) {
    const notices = new Notices();
    const failed: NoticeMap['settlement:failed'][] = [];
    notices.on('settlement:failed', (notice) => failed.push(notice));
    const connection = await connected({ url: server.url, heartbeatMs: 2_000 }, notices);
    const held: Delivery[] = [];
    const sink = {
      receive: (deliveries: readonly Delivery[]) => void held.push(...deliveries),
      revoked: () => undefined,
    };
    await connection.ensureTopics([topic], 'subscribe');
    const wanted = { ...subscription(topic, 'settling'), maxInFlight: PREFETCH };
    await connection.consume([{ subscription: wanted, sink }]);
    return { connection, failed, held };
  }

  test('is reported once: an ack that was lost with its connection, and a nack whose copy for later was not stored', async () => {
    const topic = uniqueName('settled');
    const { connection, failed, held } = await holding(topic);
    const sent = [message(topic), message(topic), message(topic), message(topic)];
    await connection.producer.send(sent);
    await until(() => held.length === sent.length);
    await pause(QUEUES_ARE_WRITTEN_MS);

    process.kill(server.pid, 'SIGSTOP');
    const [first, second, third, fourth] = held.splice(0) as [Delivery, Delivery, Delivery, Delivery];
    for (const delivery of [first, second]) delivery.settle({ kind: 'ack' });
    third.settle({ kind: 'nack', delayMs: 60_000 });
    await server.restart();
    await until(() => held.length === sent.length && failed.length >= 3);
    const summary = failed.map(({ id, attempt, settlement }) => `${id} ${attempt} ${settlement}`).sort();
    expect(summary).toEqual([`${first.id} 1 ack`, `${second.id} 1 ack`, `${third.id} 1 nack`].sort());
    expect(failed[0]?.error).toMatchObject({ code: 'TRANSPORT_SETTLEMENT_FAILED', topic });
    expect(fourth.settle({ kind: 'ack' })).toBe(false);
    for (const delivery of held.splice(0)) delivery.settle({ kind: 'ack' });
  }, 120_000);
});
