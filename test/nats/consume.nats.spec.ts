import { setTimeout as pause } from 'node:timers/promises';
import { MsgHdrsImpl, type MsgHdrs } from '@nats-io/nats-core/internal';
import type { Delivery } from 'nest-transport';
import { startNats } from '../../tools/brokers/nats.mjs';
import {
  afterwards,
  closeAll,
  connected,
  foreign,
  manager,
  manyMessages,
  message,
  newConsumer,
  newStream,
  onlyConsumerOf,
  TestSink,
  until,
  uniqueName,
} from './support.js';

afterEach(closeAll);

const never = (): Promise<false> => new Promise(() => undefined);
const offsets = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ offset }) => Number(offset));
function headersOf(code: number, description: string): MsgHdrs {
  return new MsgHdrsImpl(code, description);
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** A topic with so many messages in it. */
async function filledTopic(count: number, more: object = {}): Promise<string> {
  const topic = uniqueName('filled');
  const side = await connected();
  await side.connection.ensureTopics([topic], 'publish');
  await side.send(...manyMessages(count, topic, more));
  return topic;
}

describe('a subscription to JetStream', () => {
  it('makes a durable consumer with the settings that it was given, under a name that says whose it is', async () => {
    const topic = await filledTopic(1);
    const side = await connected({ ackWaitMs: 20_000, maxUnsettled: 700 });
    const sink = new TestSink();
    await side.consume(topic, 'stock', sink);
    await until('the message has come', () => sink.done.length === 1);
    const { info } = await onlyConsumerOf(topic);
    expect(info.name).toMatch(/^stock-filled.*-[0-9a-f]{8}$/);
    expect(info.config).toMatchObject({
      durable_name: info.name,
      ack_policy: 'explicit',
      deliver_policy: 'all',
      max_deliver: -1,
      ack_wait: 20_000_000_000,
      max_ack_pending: 700,
      filter_subject: topic,
    });
  });

  it('takes its own consumer with other settings along, and refuses one that cannot keep the promises', async () => {
    const topic = uniqueName('settings');
    const stream = await newStream([topic]);
    const consumerName = (): string => 'mine';
    await newConsumer(stream, { durable_name: 'mine', ack_policy: 'explicit', filter_subject: topic, ack_wait: 5e9 });
    const first = await connected({ consumerName, ackWaitMs: 9_000 });
    await first.consume(topic, 'stock', new TestSink());
    const { info, jsm } = await onlyConsumerOf(topic);
    expect(info.config.ack_wait).toBe(9_000_000_000);

    await newConsumer(stream, { durable_name: 'careless', ack_policy: 'none' });
    const second = await connected({ consumerName: () => 'careless' });
    await expect(second.consume(topic, 'stock', new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringMatching(/"careless".*ack_policy is "none".*nats consumer rm/s),
    });
    await jsm.consumers
      .add(stream, { durable_name: 'elsewhere', ack_policy: 'explicit', filter_subject: 'other' })
      .catch(() => undefined);
  });

  it("binds to consumers that are there and changes none with consumers: 'bind'", async () => {
    const topic = uniqueName('bound');
    const stream = await newStream([topic]);
    const side = await connected({
      provision: false,
      consumers: 'bind',
      consumerName: () => 'theirs',
      ackWaitMs: 9_000,
    });
    await expect(side.consume(topic, 'stock', new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_TOPIC_MISSING',
      message: expect.stringContaining('nats consumer add'),
    });
    await newConsumer(stream, { durable_name: 'theirs', ack_policy: 'explicit', ack_wait: 5e9, max_deliver: 7 });
    const sink = new TestSink();
    await side.consume(topic, 'stock', sink);
    await side.send(message(topic));
    await until('the message has come', () => sink.done.length === 1);
    expect((await onlyConsumerOf(topic)).info.config).toMatchObject({ ack_wait: 5_000_000_000, max_deliver: 7 });
    // The server would leave a message after so many deliveries, and tell nobody.
    expect(side.heard('subscription:warned').map(({ warning }) => warning)).toEqual([
      expect.stringContaining('max_deliver 7'),
    ]);
  });

  it('tells of a message that the server leaves because it was delivered as often as the consumer allows', async () => {
    const topic = uniqueName('left');
    const stream = await newStream([topic]);
    await newConsumer(stream, { durable_name: 'strict', ack_policy: 'explicit', max_deliver: 2 });
    const side = await connected({ provision: false, consumers: 'bind', consumerName: () => 'strict' });
    const sink = new TestSink((delivery) => {
      delivery.settle({ kind: 'nack', delayMs: 0 });
      return false;
    });
    await side.consume(topic, 'stock', sink);
    await side.send(message(topic));
    await until('it is told', () => side.heard('subscription:warned').length === 2);
    expect(side.heard('subscription:warned')[1]?.warning).toMatch(/message 1 of stream .* was delivered 2 times/);
    expect(sink.received.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('keeps messages alive that wait behind slow handlers: none is delivered again while it is queued or runs', async () => {
    const topic = await filledTopic(40);
    const sink = new TestSink(() => pause(100), { concurrency: 2 });
    const side = await connected({ ackWaitMs: 1_000 });
    await side.consume(topic, 'slow', sink);
    await until('all are handled', () => sink.done.length === 40);
    expect(offsets(sink.received)).toEqual(upTo(40));
    const { info } = await onlyConsumerOf(topic);
    expect([info.num_redelivered, info.delivered.consumer_seq]).toEqual([0, 40]);
  });

  it('keeps parked messages alive, however long their delay is', async () => {
    const topic = await filledTopic(1, { key: 'a' });
    let parked: Delivery | undefined;
    const sink = new TestSink((delivery) => {
      parked = delivery;
      delivery.park(2, 60_000);
      return false;
    });
    const side = await connected({ ackWaitMs: 1_000 });
    await side.consume(topic, 'parking', sink);
    await until('it is parked', () => parked !== undefined);
    await pause(3_000);
    expect([sink.received.length, parked?.state, sink.revokes]).toEqual([1, 'parked', 0]);
    const { info } = await onlyConsumerOf(topic);
    expect([info.num_redelivered, info.num_ack_pending]).toEqual([0, 1]);
  });

  it('asks for no more than maxInFlight at once, and goes past it by what is parked', async () => {
    const topic = await filledTopic(100);
    const held: Delivery[] = [];
    const sink = new TestSink((delivery) => {
      held.push(delivery);
      return false;
    });
    const side = await connected();
    await side.consume(topic, 'bounded', sink, { maxInFlight: 10 });
    await until('ten have come', () => held.length === 10);
    await pause(200);
    const pending = async () => (await onlyConsumerOf(topic)).info.num_ack_pending;
    expect([held.length, await pending()]).toEqual([10, 10]);
    // By the handful: it asks again when there is room for a quarter of the window.
    for (const delivery of held.slice(0, 6)) delivery.park(2, 60_000);
    await until('as many more have come', () => held.length === 16);
    await pause(200);
    expect([held.length, await pending()]).toEqual([16, 16]);
  });

  it('says that it waits when maxUnsettled messages are parked, and goes on when one of them is settled', async () => {
    const topic = await filledTopic(30);
    const sink = new TestSink((delivery) => {
      if (Number(delivery.offset) > 20) return undefined;
      delivery.park(2, 60_000);
      return false;
    });
    const side = await connected({ maxUnsettled: 20 });
    await side.consume(topic, 'stalling', sink, { maxInFlight: 10 });
    await until('it stalls', () => side.heard('partition:stalled').length === 1);
    expect(side.heard('partition:stalled')[0]?.reason).toContain('maxUnsettled (20)');
    expect(side.connection.health()).toMatchObject({ status: 'degraded', problems: [expect.stringContaining(topic)] });
    for (const delivery of sink.received.slice(0, 12)) delivery.settle({ kind: 'ack' });
    await until('the others are handled', () => sink.done.length === 10);
    expect(side.heard('partition:unstalled')).toHaveLength(1);
    expect(side.connection.health().status).toBe('up');
  });

  it('gives back at once what it had fetched and nobody began, when it stops: others need not wait for it', async () => {
    const topic = await filledTopic(100);
    const first = await connected({ ackWaitMs: 60_000 });
    const stuck = new TestSink(() => new Promise(() => undefined), { maxInFlight: 10, concurrency: 1 });
    const consumption = await first.consume(topic, 'leaving', stuck, { maxInFlight: 64 });
    await until('messages were fetched', async () => (await onlyConsumerOf(topic)).info.num_ack_pending > 10);
    await consumption.stop();
    const second = await connected({ ackWaitMs: 60_000 });
    const sink = new TestSink();
    await second.consume(topic, 'leaving', sink);
    await until(
      'what it had not begun went to the other',
      () => sink.done.length >= 100 - stuck.received.length,
      5_000,
    );
    await consumption.close();
    await until(
      'and so did the rest, at its end',
      () => new Set(sink.done.map(({ offset }) => offset)).size === 100,
      5_000,
    );
  });

  it('gives back in order what has a key, when it closes', async () => {
    const topic = await filledTopic(60, { key: 'a' });
    const first = await connected({ ackWaitMs: 60_000 });
    const stuck = new TestSink(() => new Promise(() => undefined), { maxInFlight: 10, concurrency: 1 });
    const consumption = await first.consume(topic, 'ordered', stuck, { maxInFlight: 32 });
    await until('messages were fetched', async () => (await onlyConsumerOf(topic)).info.num_ack_pending > 10);
    await consumption.stop();
    await consumption.close();
    const sink = new TestSink();
    await (await connected()).consume(topic, 'ordered', sink);
    await until('all have come', () => sink.done.length === 60);
    expect(offsets(sink.received)).toEqual(upTo(60));
  });

  it('leaves the delay of what it gave back for later as it was, when it closes', async () => {
    const topic = await filledTopic(1);
    const side = await connected();
    const givesBack = new TestSink((delivery) => delivery.settle({ kind: 'nack', delayMs: 500 }) && false);
    const consumption = await side.consume(topic, 'group', givesBack, { ordering: 'none' });
    await until('it is given back', () => givesBack.received[0]?.state === 'settled');
    await consumption.close();
    const next = new TestSink();
    await side.consume(topic, 'group', next, { ordering: 'none' });
    // n.b. the whole time for a settlement is 30 s.
    await until('it comes again', () => next.received.length === 1, 10_000);
  });

  it('begins with the oldest message when the one at its offset is deleted, and says so', async () => {
    const topic = uniqueName('purged');
    const stream = await newStream([topic]);
    const side = await connected();
    await side.send(...manyMessages(10, topic));
    await (await manager()).streams.purge(stream, { seq: 6 });
    const sink = new TestSink();
    await side.consume(topic, 'late', sink, { startFrom: { offset: '4' } });
    await until('what is left has come', () => sink.done.length === 5);
    expect(offsets(sink.done)).toEqual([6, 7, 8, 9, 10]);
    expect(side.heard('subscription:warned')).toEqual([
      expect.objectContaining({ topic, warning: expect.stringContaining('the oldest kept offset is 6') }),
    ]);
  });

  it('goes on by itself when its consumer is deleted: told, made again, and nothing is lost', async () => {
    const topic = await filledTopic(20);
    const sink = new TestSink();
    const side = await connected();
    await side.consume(topic, 'deleted', sink, { startFrom: 'beginning' });
    await until('the first have come', () => sink.done.length === 20);
    const { jsm, stream, info } = await onlyConsumerOf(topic);
    await jsm.consumers.delete(stream, info.name);
    await side.send(...manyMessages(20, topic));
    await until('all have come', () => sink.done.length === 40);
    expect(offsets(sink.received)).toEqual(upTo(40));
    await until('both are told', () => side.heard('subscription:recovered').length === 1);
    expect(side.heard('subscription:crashed')[0]).toMatchObject({
      topic,
      error: { code: 'TRANSPORT_SUBSCRIPTION_CRASHED', message: expect.stringContaining('was deleted') },
    });
    expect(side.connection.health().status).toBe('up');
  });

  it('loses nothing of a group that began with what is new, when its consumer is deleted before anything came', async () => {
    const topic = await filledTopic(5);
    const sink = new TestSink();
    const side = await connected();
    await side.consume(topic, 'new', sink, { startFrom: 'new' });
    const { jsm, stream, info } = await onlyConsumerOf(topic);
    await jsm.consumers.delete(stream, info.name);
    await side.send(...manyMessages(3, topic));
    await until('the new ones have come', () => sink.done.length >= 3);
    expect(offsets(sink.done)).toEqual([6, 7, 8]);
  });

  it('waits, and says so, while its stream is gone, and reads it from the beginning when it is back', async () => {
    const topic = uniqueName('gone');
    const stream = await newStream([topic]);
    const side = await connected({ provision: false });
    const sink = new TestSink();
    await side.send(...manyMessages(5, topic));
    await side.consume(topic, 'waiting', sink);
    await until('all have come', () => sink.done.length === 5);
    const jsm = await manager();
    await jsm.streams.delete(stream);
    await until('it is told', () => side.heard('subscription:crashed').length > 0);
    expect(side.connection.health()).toMatchObject({ status: 'down', problems: [expect.stringContaining(topic)] });
    await jsm.streams.add({ name: stream, subjects: [topic] });
    await side.send(message(topic));
    await until('the first of the new stream has come', () => sink.done.length === 6);
    expect(side.connection.health().status).toBe('up');
  });

  it('handles nothing twice side by side when the server delivers again what is still here', async () => {
    const topic = await filledTopic(10);
    let running = 0;
    const sink = new TestSink(async () => {
      running++;
      await pause(500);
    });
    const side = await connected({ ackWaitMs: 1_000 });
    await side.consume(topic, 'blocked', sink);
    await until('all run', () => running === 10);
    // n.b. nothing can be kept alive while the event loop is blocked: the server delivers all of them again, to us.
    for (const end = performance.now() + 1_400; performance.now() < end;);
    await until('all are handled', () => sink.done.length === 10);
    await pause(1_500);
    expect([running, sink.received.length]).toEqual([10, 10]);
    expect((await onlyConsumerOf(topic)).info.num_ack_pending).toBe(0);
  });

  it('shows neither the headers of the server nor its own, and reads those of a foreign program', async () => {
    const topic = uniqueName('headers');
    await newStream([topic]);
    const [side, connection, sink] = [await connected(), await foreign(), new TestSink()];
    const { headers } = await import('@nats-io/transport-node');
    const given = headers();
    for (const [name, value] of Object.entries({ 'Nats-Msg-Id': 'their-id', 'X-Tenant': 'acme', 'message-key': 'k' }))
      given.set(name, value);
    connection.publish(topic, '{"n":1}', { headers: given });
    await side.consume(topic, 'headers', sink);
    await until('it has come', () => sink.done.length === 1);
    const [delivery] = sink.done;
    expect([delivery?.id, delivery?.key, { ...delivery?.headers }]).toEqual([
      'their-id',
      'k',
      { 'message-id': 'their-id', 'x-tenant': 'acme' },
    ]);
  });
});

describe('a pattern', () => {
  it('meets the streams that are there, and those that are made later', async () => {
    const word = uniqueName('word');
    const side = await connected();
    await side.connection.ensureTopics([`${word}.a`, `${word}.b.c`], 'publish');
    await side.send(message(`${word}.a`), message(`${word}.b.c`));
    const [one, any] = [new TestSink(), new TestSink()];
    await side.consume(`${word}.*`, 'one', one);
    await side.consume(`${word}.>`, 'any', any);
    await until('what was there has come', () => one.done.length === 1 && any.done.length === 2);
    await side.connection.ensureTopics([`${word}.later`], 'publish');
    await side.send(message(`${word}.later`));
    await until('what is new has come', () => one.done.length === 2 && any.done.length === 3, 15_000);
    expect(one.done.map(({ topic }) => topic)).toEqual([`${word}.a`, `${word}.later`]);
  });

  it('has a stream of its own where none holds any of it', async () => {
    const word = uniqueName('own');
    const [side, sink] = [await connected(), new TestSink()];
    await side.consume(`${word}.>`, 'any', sink);
    await side.send(message(`${word}.x`), message(`${word}.y.z`));
    await until('all have come', () => sink.done.length === 2);
    expect(sink.done.map(({ topic }) => topic)).toEqual([`${word}.x`, `${word}.y.z`]);
  });
});

describe('an operator', () => {
  it('who adds a subject to a stream has it read by the pattern that it fits, from its first message, over a reconnect too', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const jsm = await manager(server.url);
    await jsm.streams.add({ name: 'events', subjects: ['events.a', 'other'] });
    const [side, sink] = [await connected({ servers: [server.url], provision: false }), new TestSink()];
    await side.consume('events.*', 'group', sink);
    await side.send(message('events.a'), message('other'));
    await jsm.streams.update('events', { subjects: ['events.a', 'events.b', 'other'] });
    await side.send(message('events.b'), message('events.a'));
    await until('what fits has come', () => sink.done.length === 3);
    await server.restart();
    await until('the connection is back', () => side.connection.health().status === 'up');
    await side.send(message('events.b'));
    await until('the next has come', () => offsets(sink.done).includes(5));
    // n.b. a server that is killed may not have stored what was settled last: that comes again.
    expect([...new Set(offsets(sink.done))]).toEqual([1, 3, 4, 5]);
    expect(side.heard('subscription:crashed')).toEqual([]);
  }, 60_000);

  it('finds a consumer that takes only a part of a pattern completed, with the position of the group kept', async () => {
    const word = uniqueName('part');
    const stream = await newStream([`${word}.a`, `${word}.b`]);
    const consumerName = (): string => 'parts';
    const filter_subjects = [`${word}.a`];
    await newConsumer(stream, { durable_name: 'parts', ack_policy: 'explicit', filter_subjects });
    const side = await connected({ consumerName });
    await side.send(message(`${word}.a`), message(`${word}.a`));
    const first = new TestSink();
    const consumption = await side.consume(`${word}.*`, 'group', first);
    await until('all have come', () => first.done.length === 2);
    await consumption.close();
    await side.send(message(`${word}.b`));
    const next = new TestSink();
    await side.consume(`${word}.*`, 'group', next);
    await until('the next has come', () => next.done.length === 1);
    expect(offsets([...first.received, ...next.received])).toEqual([1, 2, 3]);
  });

  it('who lowers ack_wait to 5 s has no message that runs given to another member: it is kept alive every 2 s, whatever the ack wait is', async () => {
    const topic = uniqueName('drift');
    const [old, first, second] = [await connected({ ackWaitMs: 60_000 }), new TestSink(never), new TestSink()];
    await old.connection.ensureTopics([topic], 'publish');
    await old.consume(topic, 'group', first, { maxInFlight: 4 });
    const operator = await foreign();
    const extended: string[] = [];
    operator.subscribe('$JS.ACK.>', {
      callback: (_, sent) => {
        if (sent.subject.includes(topic) && sent.string() === '+WPI') extended.push(sent.subject);
      },
    });
    await operator.flush();
    await old.send(...manyMessages(4, topic));
    await until('they are kept alive', () => extended.length >= 4, 15_000);
    const young = await connected({ ackWaitMs: 5_000 });
    await young.consume(topic, 'group', second, { maxInFlight: 4 });
    await until('they are kept alive again', () => extended.length >= 16, 30_000);
    expect([first.received.length, second.received]).toEqual([4, []]);
  }, 60_000);

  it('who limits how long requests for messages may wait (max_expires) costs no message', async () => {
    const topic = uniqueName('expires');
    const stream = await newStream([topic]);
    await newConsumer(stream, {
      durable_name: 'short',
      ack_policy: 'explicit',
      filter_subject: topic,
      max_expires: 2e9,
    });
    const side = await connected({ provision: false, consumers: 'bind', consumerName: () => 'short' });
    const sink = new TestSink();
    await side.consume(topic, 'group', sink);
    await pause(2_500);
    await side.send(message(topic));
    await until('it has come', () => sink.done.length === 1, 2_000);
    expect([side.connection.health().status, side.heard('subscription:crashed')]).toEqual(['up', []]);
  });

  it('whose consumer refuses every request for messages is asked with growing pauses, and health says why', async () => {
    const topic = uniqueName('refused');
    const stream = await newStream([topic]);
    await newConsumer(stream, { durable_name: 'small', ack_policy: 'explicit', filter_subject: topic });
    const side = await connected({ provision: false, consumers: 'bind', consumerName: () => 'small' });
    const connection = await foreign();
    let requests = 0;
    // Somebody else answers as a server does that wants requests in another form.
    connection.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${stream}.small`, {
      callback: (_error, request) => {
        requests++;
        const refusal = headersOf(409, 'Exceeded MaxWaiting');
        request.respond('', { headers: refusal });
      },
    });
    await connection.flush();
    await side.consume(topic, 'group', new TestSink());
    await until('health is down', () => side.connection.health().status === 'down', 10_000);
    expect(side.connection.health().problems).toEqual([expect.stringContaining('Exceeded MaxWaiting')]);
    expect(side.heard('subscription:crashed')[0]?.error.message).toContain('Exceeded MaxWaiting');
    await pause(3_000);
    expect(requests).toBeLessThan(12);
    await connection.close();
    await until('health is up', () => side.connection.health().status === 'up', 10_000);
    expect(side.heard('subscription:recovered')).toHaveLength(1);
  }, 40_000);

  it('whose consumer delivers headers only is refused at the start', async () => {
    const topic = uniqueName('bodiless');
    const stream = await newStream([topic]);
    await newConsumer(stream, { durable_name: 'bodiless', ack_policy: 'explicit', headers_only: true });
    const side = await connected({ consumerName: () => 'bodiless' });
    await expect(side.consume(topic, 'group', new TestSink())).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringContaining('headers_only'),
    });
  });

  it('who deletes one consumer of a pattern over many streams has that one recreated, and the others left alone', async () => {
    const word = uniqueName('many');
    const side = await connected();
    const topics = Array.from({ length: 10 }, (_, n) => `${word}.${n}`);
    await side.connection.ensureTopics(topics, 'publish');
    const sink = new TestSink();
    await side.consume(`${word}.*`, 'group', sink);
    const { jsm, stream, info } = await onlyConsumerOf(`${word}.0`);
    const asked = new Set<string>();
    const connection = await foreign();
    connection.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', { callback: (_error, { subject }) => void asked.add(subject) });
    await connection.flush();
    await jsm.consumers.delete(stream, info.name);
    await until('it is recreated', () => side.heard('subscription:recovered').length === 1);
    await until('it is read', () => asked.size > 0);
    expect([...asked]).toEqual([`$JS.API.CONSUMER.MSG.NEXT.${stream}.${info.name}`]);
    await side.send(...topics.map((topic) => message(topic)));
    await until('all have come', () => sink.done.length === 10);
  });
});

describe('every instance', () => {
  it('has a consumer of its own, which outlives a restart of the server and ends with the instance', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const topic = uniqueName('everyone');
    await newStream([topic], {}, server.url);
    const side = await connected({ servers: [server.url] });
    const sinks = [new TestSink(), new TestSink()];
    const running = [];
    for (const [index, sink] of sinks.entries()) {
      running.push(await side.consume(topic, `cache.${index}`, sink, { delivery: 'every-instance', startFrom: 'new' }));
    }
    await side.send(...manyMessages(10, topic));
    await until('each has all', () => sinks.every(({ done }) => done.length === 10));
    await server.restart();
    await until('the connection is back', () => side.connection.health().status === 'up');
    await side.send(...manyMessages(10, topic));
    await until('each has all', () => sinks.every(({ done }) => new Set(offsets(done)).size === 20));
    for (const consumption of running) await consumption.close();
    const jsm = await manager(server.url);
    expect(await jsm.consumers.list(await jsm.streams.find(topic)).next()).toEqual([]);
  }, 60_000);
});

describe('consuming over an outage', () => {
  it('takes back what has not begun before another member may get it, and settles late what had', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const topic = uniqueName('away');
    await newStream([topic], {}, server.url);
    const side = await connected({ servers: [server.url], ackWaitMs: 2_000 });
    await side.send(...manyMessages(10, topic));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const sink = new TestSink(() => finished, { concurrency: 1 });
    await side.consume(topic, 'away', sink);
    await until('all have come, and one runs', () => sink.received.length === 10);
    await server.kill();
    await until('nine are taken back', () => sink.received.filter(({ state }) => state === 'revoked').length === 9);
    expect(sink.received[0]?.state).toBe('running');
    finish();
    await until('the first is settled', () => sink.done.length === 1);
    await server.restart();
    await until('the nine come again', () => sink.done.length === 10);
    expect(offsets(sink.done)).toEqual(upTo(10));
    await pause(2_500);
    expect(sink.received).toHaveLength(19);
  }, 60_000);

  it('carries settlements that were made while the server was away to it, so that nothing comes a second time', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const topic = uniqueName('late');
    await newStream([topic], {}, server.url);
    const side = await connected({ servers: [server.url], ackWaitMs: 10_000 });
    await side.send(...manyMessages(50, topic));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const sink = new TestSink(() => finished);
    await side.consume(topic, 'late', sink);
    await until('all run', () => sink.received.length === 50);
    await server.shutdown();
    finish();
    await until('all are settled', () => sink.done.length === 50);
    await server.restart();
    await until(
      'the server knows it',
      async () => (await onlyConsumerOf(topic, server.url)).info.ack_floor.stream_seq === 50,
    );
    expect(sink.received).toHaveLength(50);
  }, 60_000);
});
