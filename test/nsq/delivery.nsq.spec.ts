import { Controller, Module } from '@nestjs/common';
import { createTransportApp, isTransportError, Publisher, Subscribe, TransportModule } from 'nest-transport';
import { nsq } from 'nest-transport/nsq';
import { NsqConsumer, NsqdAdmin, type NsqMessage } from 'nest-transport/nsq/client';
import { startNsq, type PrivateNsq } from '../../tools/brokers/nsq.mjs';
import {
  afterwards,
  channel,
  closeAll,
  connected,
  message,
  publishBare,
  sharedHttp,
  TestSink,
  uniqueName,
  until,
} from './support.js';

afterEach(closeAll);

describe('a message of the NSQ driver', () => {
  it('of a foreign program is taken as it is, with an id that stays the same on every delivery', async () => {
    const topic = uniqueName('bare');
    const side = await connected();
    const sink = new TestSink((delivery) =>
      delivery.attempt === 1 ? (delivery.settle({ kind: 'nack', delayMs: 0 }), false as const) : undefined,
    );
    await side.consume(topic, sink);
    await publishBare(topic, ['{"n":1}', 'plain text']);
    await until('both have come twice', () => sink.done.length === 2);
    const bodies = sink.done.map(({ body }) => body?.toString()).sort();
    expect(bodies).toEqual(['plain text', '{"n":1}']);
    for (const delivery of sink.received) {
      expect(delivery.id).toMatch(new RegExp(`^${topic}/[0-9a-f]{16}$`));
      expect({ ...delivery.headers }).toEqual({});
      expect([delivery.key, delivery.type, delivery.offset, delivery.partition]).toEqual([
        undefined,
        topic,
        undefined,
        undefined,
      ]);
      expect(Math.abs(Date.now() - (delivery.publishedAt?.getTime() ?? 0))).toBeLessThan(60_000);
    }
    expect(new Set(sink.received.map(({ id }) => id)).size).toBe(2);
    expect(sink.received[0]?.raw).toMatchObject({ attempts: 1, nsqd: expect.stringMatching(/:\d+$/) });
  });

  it('without an envelope is its body and nothing else, both ways, and refuses what would be lost', async () => {
    const topic = uniqueName('none');
    const side = await connected({ envelope: 'none' });
    const { producer } = side.connection;
    const sink = new TestSink();
    await side.consume(topic, sink);
    const bare = message(topic, { body: Buffer.from('{"specversion":"1.0","id":"a","source":"b","type":"c"}') });
    producer.check(bare);
    expect(isTransportError((await side.send(bare))[0])).toBe(false);
    await until('it has come', () => sink.done.length === 1);
    expect(sink.done[0]?.body).toEqual(bare.body);
    expect(sink.done[0]?.id).toMatch(/\/[0-9a-f]{16}$/);
    for (const lost of [{ key: 'k' }, { headers: { 'tenant-id': 'acme' } }, { headers: { 'message-type': 'x' } }]) {
      expect(() => producer.check(message(topic, lost))).toThrow(
        expect.objectContaining({
          code: 'TRANSPORT_CAPABILITY_UNSUPPORTED',
          message: expect.stringMatching(/cloudevents/),
        }),
      );
    }
    expect(await side.send(message(topic, { body: Buffer.alloc(0) }))).toMatchObject([
      { code: 'TRANSPORT_PUBLISH_FAILED', stored: 'no', message: expect.stringMatching(/empty body/) },
    ]);
  });

  it('keeps the reason of a dead letter without an envelope too, and its bytes where the reason does not fit', async () => {
    const topic = uniqueName('reason');
    const side = await connected({ envelope: 'none', maxMessageBytes: 2_000 });
    const reader = await connected();
    const sink = new TestSink();
    await reader.consume(topic, sink);
    const letter = (body: Buffer) => message(topic, { body, headers: { 'dead-letter-topic': 'orders' } });
    await side.send(letter(Buffer.from('{"n":1}')));
    await side.send(letter(Buffer.alloc(1_900, 7)));
    await until('both have come', () => sink.done.length === 2);
    const reasons = sink.done.map(({ headers, body }) => [headers['dead-letter-topic'], body?.length]);
    expect(reasons.sort((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
      ['orders', 7],
      [undefined, 1_900],
    ]);
  });

  it('is asked for its size as it will be stored, and binary bodies count a third more', async () => {
    const { producer } = (await connected()).connection;
    expect(() => producer.check(message('t', { body: Buffer.from(`"${'x'.repeat(1_040_000)}"`) }))).not.toThrow();
    expect(() => producer.check(message('t', { body: Buffer.alloc(800_000, 0xa5) }))).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_MESSAGE_TOO_LARGE',
        message: expect.stringMatching(/1066\d{3} bytes.*body 800000.*1048576/),
      }),
    );
  });

  it('of many leaves in one MPUB per topic, split at what nsqd takes', async () => {
    const [a, b] = [uniqueName('mpub'), uniqueName('mpub')];
    const side = await connected({ maxRequestBytes: 1_100_000 });
    const bodies = Array.from({ length: 20 }, () => Buffer.from(`"${'x'.repeat(100_000)}"`));
    const sent = [a, b].map((topic) => side.send(...bodies.map((body) => message(topic, { body }))));
    const results = (await Promise.all(sent)).flat();
    expect(results.filter((result) => isTransportError(result))).toEqual([]);
    const admin = new NsqdAdmin(`http://${sharedHttp()}`);
    for (const topic of [a, b]) expect((await admin.stats(topic))[0]?.depth).toBe(20);
  });

  it('waits at nsqd as long as it was told, and holds up nobody: a retry never pauses the reader', async () => {
    const topic = uniqueName('pause');
    const side = await connected();
    const sink = new TestSink((delivery) =>
      delivery.body?.toString() === '"slow"' && delivery.attempt === 1
        ? (delivery.settle({ kind: 'nack', delayMs: 3_000 }), false as const)
        : undefined,
    );
    await side.consume(topic, sink, { maxInFlight: 1 });
    await side.send(message(topic, { body: Buffer.from('"slow"') }));
    await until('it has failed', () => sink.received.length === 1);
    for (let n = 0; n < 20; n++) await side.send(message(topic));
    await until('the others are done', () => sink.done.length === 20, 2_500);
    expect((await channel(topic))?.deferred_count).toBe(1);
    await until('it has come again', () => sink.done.length === 21);
    const [first = 0, again = 0] = sink.at.filter((_, index) => sink.received[index]?.body?.toString() === '"slow"');
    expect(again - first).toBeGreaterThanOrEqual(2_990);
    expect(sink.done.at(-1)?.attempt).toBe(2);
  });

  it('that nobody may keep longer than nsqd keeps it: a delay above the maximum is the maximum', async () => {
    const topic = uniqueName('clamp');
    const side = await connected({ maxRequeueDelayMs: 100 });
    const sink = new TestSink((delivery) =>
      delivery.attempt === 1 ? (delivery.settle({ kind: 'nack', delayMs: 86_400_000 }), false as const) : undefined,
    );
    await side.consume(topic, sink);
    await side.send(message(topic));
    await until('it has come again', () => sink.done.length === 1);
  });

  it.each([25, 0])('of a slow stream is not kept in the buffer of nsqd: outputBufferMs %i', async (outputBufferMs) => {
    const topic = uniqueName('latency');
    const side = await connected({ outputBufferMs });
    const late: number[] = [];
    const sink = new TestSink(({ body }) => void late.push(performance.now() - Number(body?.toString())));
    await side.consume(topic, sink);
    for (let n = 0; n < 21; n++) {
      await side.send(message(topic, { body: Buffer.from(`${performance.now()}`) }));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await until('all have come', () => late.length === 21);
    // By nsqd's own setting the middle one is 130 to 180 ms late.
    expect(late.sort((a, b) => a - b)[10]).toBeLessThan(80);
  });

  it('goes to every instance by a channel that nsqd forgets with the instance', async () => {
    const topic = uniqueName('each');
    const side = await connected();
    const consumption = await side.consume(topic, new TestSink(), { group: 'cache.1a2b', delivery: 'every-instance' });
    expect(await channel(topic, 'cache.1a2b#ephemeral')).toBeDefined();
    await consumption.close();
    await until('it is forgotten', async () => (await channel(topic, 'cache.1a2b#ephemeral')) === undefined);
  });

  it('lives on an ephemeral topic too', async () => {
    const topic = `${uniqueName('short')}#ephemeral`;
    const side = await connected();
    const sink = new TestSink();
    await side.consume(topic, sink);
    await side.send(message(topic));
    await until('it has come', () => sink.done.length === 1);
  });

  it('given back at the end comes to the next at once, and one that waits for a retry waits on', async () => {
    const topic = uniqueName('end');
    const first = await connected();
    const stuck = new TestSink((delivery) => {
      if (delivery.body?.toString() === '"parked"') {
        delivery.park(4, 60_000);
        delivery.notBeforeMs = performance.now() + 60_000;
      }
      return new Promise(() => undefined);
    });
    const consumption = await first.consume(topic, stuck);
    await first.send(message(topic), message(topic, { body: Buffer.from('"parked"') }));
    await until('both are there', () => stuck.received.length === 2);
    await consumption.close();
    expect(stuck.revokes).toBe(1);
    expect(stuck.received.map(({ state }) => state)).toEqual(['revoked', 'revoked']);
    expect(await channel(topic)).toMatchObject({ deferred_count: 1, in_flight_count: 0 });
    const next = new TestSink();
    await (await connected()).consume(topic, next);
    await until('one has come', () => next.done.length === 1);
    expect(next.done[0]?.body?.toString()).not.toBe('"parked"');
  });
});

describe('an nsqd that keeps messages for 1 s, and touched ones for 3 s', () => {
  let server: PrivateNsq;
  beforeAll(async () => {
    server = await startNsq({ flags: { 'msg-timeout': '1s', 'max-msg-timeout': '3s', 'max-req-timeout': '2s' } });
  }, 300_000);
  afterAll(() => server.stop());
  const side = (options = {}) => connected({ nsqd: [server.nodes[0]?.tcp ?? ''], messageTimeoutMs: 1_000, ...options });

  it('gives a message at work to nobody else, while TOUCH can keep it', async () => {
    const patient = await server.addNode({ 'max-msg-timeout': '60s' });
    const topic = uniqueName('touch');
    // n.b. nsqd looks after a new channel within 5 s; it does when what was deferred has come again.
    const early = (message: NsqMessage) => (message.attempts === 1 ? message.requeue(1) : message.finish());
    let givenOut = 0;
    const untouched = new NsqConsumer({
      ...{ nsqd: [patient.tcp], topic, channel: 'untouched', messageTimeoutMs: 1_000 },
      onMessages: (messages) => {
        for (const each of messages) {
          if (String(each.body).includes('early')) early(each);
          else givenOut = each.attempts;
        }
      },
    });
    afterwards(() => untouched.close());
    await untouched.start();
    const sink = new TestSink(async (delivery) => {
      if (delivery.id !== 'early') return until('it is given out again elsewhere, twice', () => givenOut === 3);
      return delivery.attempt === 1 ? (delivery.settle({ kind: 'nack', delayMs: 1 }), false as const) : undefined;
    });
    const reader = await side({ nsqd: [patient.tcp] });
    await reader.consume(topic, sink);
    await reader.send(message(topic, { id: 'early' }));
    await until('nsqd looks after the channels', () => sink.doneIds.includes('early'));
    await reader.send(message(topic, { id: 'touched' }));
    await until('it is done', () => sink.doneIds.includes('touched'));
    expect([sink.received.filter(({ id }) => id === 'touched').length, sink.revokes]).toEqual([1, 0]);
    await until('nsqd knows', async () => (await channel(topic, 'readers', patient.http))?.in_flight_count === 0);
    expect(reader.heard('settlement:failed')).toEqual([]);
  }, 60_000);

  it('has a message that takes longer given back before it would take it: revoked here first, then at work elsewhere', async () => {
    const topic = uniqueName('cap');
    const states: string[] = [];
    const slow = new TestSink(() => new Promise<false>(() => undefined));
    const reader = await side();
    await reader.consume(topic, slow, { maxInFlight: 1 });
    await reader.send(message(topic));
    await until('it is at work', () => slow.received.length === 1);
    const began = performance.now();
    const other = await side();
    const next = new TestSink(() => void states.push(slow.received[0]?.state ?? ''));
    await other.consume(topic, next, { maxInFlight: 1 });
    await until('one of them has it again', () => slow.received.length + next.received.length === 2);
    const afterMs = performance.now() - began;
    expect(afterMs).toBeGreaterThan(2_000);
    expect(afterMs).toBeLessThan(3_000);
    expect(slow.received[0]?.state).toBe('revoked');
    expect(slow.revokes).toBe(1);
    expect(slow.received[0]?.settle({ kind: 'ack' })).toBe(false);
    expect((slow.received[1] ?? next.received[0])?.attempt).toBe(2);
  });

  it('keeps a delay that TOUCH cannot keep: the message waits here, then there, and its attempts are counted on', async () => {
    const topic = uniqueName('parked');
    const sink = new TestSink((delivery) => {
      if (delivery !== sink.received[0]) return undefined;
      // Three tries of this process, and a wait that is longer than 3 s.
      delivery.park(4, 4_000);
      delivery.notBeforeMs = performance.now() + 4_000;
      return false;
    });
    const reader = await side();
    await reader.consume(topic, sink, { maxInFlight: 1 });
    await reader.send(message(topic, { id: 'patient' }));
    await until('it is parked', () => sink.received.length === 1);
    await reader.send(message(topic), message(topic));
    await until('others have its place meanwhile', () => sink.done.length === 2);
    await until('it is given back', () => sink.revokes === 1);
    await until('it has come again', () => sink.done.length === 3);
    const [first, again] = [0, sink.received.findLastIndex(({ id }) => id === 'patient')].map(
      (index) => sink.at[index] ?? 0,
    );
    expect((again ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(3_990);
    expect(sink.done.at(-1)).toMatchObject({ id: 'patient', attempt: 4 });
  });

  it('reports once that a settlement came too late when this process stood still meanwhile, and the message comes again', async () => {
    const topic = uniqueName('late');
    const sink = new TestSink((delivery) => {
      if (delivery.id === 'early') {
        // n.b. nsqd looks after a new channel within 5 s; it does when this one has come again.
        return delivery.attempt === 1 ? (delivery.settle({ kind: 'nack', delayMs: 1 }), false as const) : undefined;
      }
      const end = performance.now() + (delivery.attempt === 1 ? 2_000 : 0);
      while (performance.now() < end); // a handler that blocks the event loop: nothing can be touched
      return undefined;
    });
    const reader = await side();
    await reader.consume(topic, sink);
    await reader.send(message(topic, { id: 'early' }));
    await until('nsqd looks after the channel', () => sink.done.length === 1);
    await reader.send(message(topic, { id: 'blocking' }));
    await until('it has come again', () => sink.received.length === 4);
    await until('the late FIN is reported', () => reader.heard('settlement:failed').length > 0);
    expect(reader.heard('settlement:failed')).toMatchObject([
      {
        ...{ topic, group: 'readers', id: 'blocking', attempt: 1, settlement: 'ack' },
        error: { code: 'TRANSPORT_SETTLEMENT_FAILED', message: expect.stringContaining('E_FIN_FAILED') },
      },
    ]);
    expect(sink.received.at(-1)).toMatchObject({ id: 'blocking', attempt: 2 });
  });
});

@Controller()
class Stuck {
  @Subscribe('stuck', { retry: { maxAttempts: 1 }, concurrency: 32 })
  hang(): Promise<void> {
    return new Promise(() => undefined);
  }
}

describe('a handler that never comes to an end', () => {
  let server: PrivateNsq;
  beforeAll(async () => {
    server = await startNsq({ flags: { 'msg-timeout': '1s', 'max-msg-timeout': '1s' } });
  }, 300_000);
  afterAll(() => server.stop());
  afterEach(closeAll);

  it('does not keep its message for ever: it ends as a dead letter, which is stored, and is not dropped', async () => {
    const options = { nsqd: [server.nodes[0]?.tcp ?? ''], messageTimeoutMs: 1_000 };
    @Module({
      imports: [TransportModule.forRoot({ service: 'svc', broker: nsq(options), logger: false, drainTimeoutMs: 50 })],
      controllers: [Stuck],
    })
    class App {}
    const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
    afterwards(() => app.close());
    await app.listen();
    await app.get(Publisher).publish('stuck', { n: 1 }, { id: 'poison' });
    const reader = await connected(options);
    const sink = new TestSink();
    await reader.consume('stuck.svc.dead-letter', sink);
    await until('it is a dead letter', () => sink.done.length === 1, 40_000);
    expect(sink.done[0]).toMatchObject({ id: 'poison', body: Buffer.from('{"n":1}') });
    expect(sink.done[0]?.headers['dead-letter-error-message']).toContain('TRANSPORT_ATTEMPTS_EXHAUSTED');
    const stats = async () => channel('stuck', 'svc', server.nodes[0]?.http);
    await until(
      'its original is settled',
      async () => (await stats())?.in_flight_count === 0 && (await stats())?.depth === 0,
    );
  }, 60_000);
});

describe('an nsqd whose limits are lower than ours', () => {
  let server: PrivateNsq;
  beforeAll(async () => {
    server = await startNsq({ flags: { 'max-msg-size': 1_000, 'max-body-size': 1_500, 'max-msg-timeout': '5s' } });
  }, 300_000);
  afterAll(() => server.stop());
  const nsqd = () => [server.nodes[0]?.tcp ?? ''];

  it('refuses a request for one message of it, and says of the others that a neighbour was refused', async () => {
    const side = await connected({ nsqd: nsqd(), messageTimeoutMs: 2_000 });
    const topic = uniqueName('small');
    const large = message(topic, { body: Buffer.from(`"${'x'.repeat(1_000)}"`) });
    expect(await side.send(large)).toMatchObject([
      {
        code: 'TRANSPORT_MESSAGE_TOO_LARGE',
        stored: 'no',
        retryable: false,
        message: expect.stringMatching(/-max-msg-size/),
      },
    ]);
    const results = await side.send(message(topic), large);
    expect(results).toMatchObject([
      { code: 'TRANSPORT_BATCH_REJECTED', stored: 'no' },
      { code: 'TRANSPORT_BATCH_REJECTED', stored: 'no' },
    ]);
    expect(isTransportError((await side.send(message(topic)))[0])).toBe(false);
  });

  it('rejects the start for a timeout that it does not allow, and says which option it was', async () => {
    await expect(connected({ nsqd: nsqd() })).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringMatching(/msg timeout.*messageTimeoutMs \(-max-msg-timeout\)/s),
    });
  });
});
