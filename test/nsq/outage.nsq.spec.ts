import { isTransportError, type Delivery, type SendResult } from 'nest-transport';
import { freePorts } from '../../tools/brokers/ports.mjs';
import { startNsq, type PrivateNsq } from '../../tools/brokers/nsq.mjs';
import { channel, closeAll, connected, message, Side, TestSink, uniqueName, until } from './support.js';

const isStored = (result: SendResult | undefined): boolean => result !== undefined && !isTransportError(result);

/** nsqd notes every 2 s how far its files go; a queue that was never noted is empty to the next process. */
const SYNCED_MS = 2_500;

/** Every fact below is about two nsqd and one nsqlookupd; each test leaves them running. */
describe('an NSQ of two nsqd', () => {
  let nsq: PrivateNsq;
  beforeEach(async () => {
    nsq = await startNsq({ nodes: 2, flags: { 'mem-queue-size': 0 } });
  }, 300_000);
  afterEach(async () => {
    await closeAll();
    await nsq.stop();
  });
  const node = (index: number) => nsq.nodes[index] as PrivateNsq['nodes'][number];
  const tcp = () => nsq.nodes.map((each) => each.tcp);
  const lookupd = () => [`http://${nsq.lookupd.http}`];
  const nodeOf = ({ raw }: Delivery): string => (raw as { nsqd: string }).nsqd;
  const quick = { lookupIntervalMs: 200, heartbeatIntervalMs: 1_000 };

  /** Publishes until it is told to stop; remembers what was confirmed. */
  function publishing(side: Side, topic: string) {
    const confirmed: string[] = [];
    const failed: SendResult[] = [];
    let goesOn = true;
    const end = (async () => {
      while (goesOn) {
        const batch = Array.from({ length: 10 }, () => message(topic));
        const results = await side.send(...batch);
        results.forEach((result, index) =>
          isStored(result) ? confirmed.push(batch[index]?.id ?? '') : failed.push(result),
        );
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    return { confirmed, failed, stop: () => ((goesOn = false), end) };
  }

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'loses a node by %s: publishing goes on at the other, and it is used again when it is back',
    async (signal) => {
      const topic = uniqueName('failover');
      const side = await connected({ ...quick, nsqd: tcp() });
      const sink = new TestSink();
      await side.consume(topic, sink);
      const work = publishing(side, topic);
      await until('both are read from', () => new Set(sink.done.map(nodeOf)).size === 2);
      await (signal === 'SIGKILL' ? node(0).kill() : node(0).shutdown());
      await until('it is noticed', () => side.connection.health().status === 'degraded');
      expect(side.connection.health().problems.join()).toContain(node(0).tcp);
      const before = work.confirmed.length;
      await until('publishing goes on', () => work.confirmed.length > before + 100);
      await node(0).restart();
      await until('all is well again', () => side.connection.health().status === 'up');
      await work.stop();
      // n.b. by SIGKILL nsqd may lose what it had just read from its disk: durability is absent.
      const missing = (): string[] => {
        const handled = new Set(sink.doneIds);
        return work.confirmed.filter((id) => !handled.has(id));
      };
      if (signal === 'SIGTERM') await until('all that was confirmed is handled', () => missing().length === 0);
      // What was under way in the moment of the kill is told as what it is.
      expect(work.failed.every((result) => isTransportError(result) && result.stored === 'unknown')).toBe(true);
      // One of two: no outage, and nothing is told as one.
      expect([...side.heard('broker:unreachable'), ...side.heard('subscription:crashed')]).toEqual([]);
    },
    60_000,
  );

  it('is away as a whole and comes back: told once, dialled again by itself, nothing that was confirmed and waiting is lost', async () => {
    const topic = uniqueName('outage');
    const side = await connected({ ...quick, nsqd: tcp() });
    const sink = new TestSink();
    await side.consume(topic, sink);
    const work = publishing(side, topic);
    await until('work has begun', () => sink.done.length > 50);
    await nsq.kill();
    await until('it is down', () => side.connection.health().status === 'down');
    await until('a publish fails', () => work.failed.length > 0);
    expect(await side.send(message(topic))).toMatchObject([
      {
        code: 'TRANSPORT_BROKER_UNREACHABLE',
        stored: 'no',
        retryable: true,
        message: expect.stringMatching(/ECONNREFUSED.*Is NSQ running/s),
      },
    ]);
    const before = sink.done.length;
    await nsq.restart();
    await until('it goes on', () => sink.done.length > before + 50 && side.connection.health().status === 'up');
    await work.stop();
    for (const name of ['broker:unreachable', 'subscription:crashed', 'subscription:recovered'] as const) {
      expect(side.heard(name)).toHaveLength(1);
    }
    expect(side.heard('broker:connected')).toHaveLength(2);
    expect(side.heard('subscription:crashed')[0]?.error.code).toBe('TRANSPORT_SUBSCRIPTION_CRASHED');
  }, 60_000);

  it('has a node that stands still: half-open, no word of the socket, and yet it is noticed and left out until it goes on', async () => {
    const topic = uniqueName('frozen');
    const side = await connected({ ...quick, nsqd: tcp(), requestTimeoutMs: 1_000 });
    const sink = new TestSink();
    await side.consume(topic, sink);
    process.kill(node(1).pid, 'SIGSTOP');
    await until('it is noticed', () => side.connection.health().status === 'degraded');
    const results: (SendResult | undefined)[] = [];
    for (let n = 0; n < 10; n++) results.push((await side.send(message(topic)))[0]);
    // n.b. health speaks of the consumer's connection too, which may be the first to notice: then one message is not confirmed.
    const [unconfirmed, ...more] = results.filter((result) => !isStored(result));
    expect(more).toEqual([]);
    if (unconfirmed !== undefined) expect(unconfirmed).toMatchObject({ stored: 'unknown', retryable: true });
    process.kill(node(1).pid, 'SIGCONT');
    await until('it is back', () => side.connection.health().status === 'up');
    await until('all are handled', () => sink.done.length >= results.filter(isStored).length);
  }, 60_000);

  it('is found through nsqlookupd: a channel known there misses nothing, and a node that comes later is found soon', async () => {
    const topic = uniqueName('lookup');
    const reader = await connected({ ...quick, lookupd: lookupd() });
    const sink = new TestSink();
    await reader.consume(topic, sink);
    expect(reader.connection.health()).toEqual({ status: 'up', problems: [] });
    const writer = await connected({ ...quick, nsqd: tcp() });
    await writer.send(message(topic));
    await until('the first message of the topic has come', () => sink.done.length === 1);
    const third = await nsq.addNode();
    const other = await connected({ ...quick, nsqd: [third.tcp] });
    await other.send(message(topic));
    await until('a message of the new node has come', () => sink.done.length === 2, 5_000);
    // Published to as well, where no nsqd is named.
    const id = `by-${uniqueName('lookup')}`;
    expect(isStored((await reader.send(message(topic, { id })))[0])).toBe(true);
    await until('it has come', () => sink.doneIds.includes(id));
  }, 60_000);

  it('with nsqd and lookupd both set, publishes only to the nsqd that are named, and consumes from all', async () => {
    const topic = uniqueName('named');
    const side = await connected({ ...quick, nsqd: [node(0).tcp], lookupd: lookupd() });
    const sink = new TestSink();
    await side.consume(topic, sink);
    for (let n = 0; n < 10; n++) await side.send(message(topic));
    await until('all are consumed', () => sink.done.length === 10);
    expect(new Set(sink.done.map(nodeOf))).toEqual(new Set([node(0).tcp]));
    const other = await connected({ ...quick, nsqd: [node(1).tcp] });
    await other.send(message(topic));
    await until('the message of the other node is consumed', () =>
      sink.done.some((one) => nodeOf(one) === node(1).tcp),
    );
  }, 60_000);

  it('does not mind that nsqlookupd dies, and says so', async () => {
    const topic = uniqueName('lookupd-dies');
    const side = await connected({ ...quick, nsqd: tcp(), lookupd: lookupd() });
    const sink = new TestSink();
    await side.consume(topic, sink);
    await nsq.lookupd.kill();
    await until('health says it', () => side.connection.health().problems.join().includes(nsq.lookupd.http));
    expect(side.connection.health().status).toBe('degraded');
    const work = publishing(side, topic);
    await until('messages flow', () => sink.done.length > 100);
    await work.stop();
    expect(work.failed).toEqual([]);
    await nsq.lookupd.restart();
    await until('all is well', () => side.connection.health().status === 'up');
  }, 60_000);

  it('gives every message to one member of a channel, over both nodes, whatever RDY is left for each', async () => {
    const topic = uniqueName('rdy');
    const sinks = [new TestSink(), new TestSink()];
    for (const sink of sinks) {
      const member = await connected({ ...quick, nsqd: tcp() });
      await member.consume(topic, sink, { maxInFlight: 3 });
    }
    const counts = async (): Promise<number[]> => {
      const channels = await Promise.all(nsq.nodes.map(({ http }) => channel(topic, 'readers', http)));
      return channels.flatMap((each) => (each?.clients ?? []).map(({ ready_count }) => ready_count)).sort();
    };
    await until('each member has 2 of one node and 1 of the other', async () => `${await counts()}` === '1,1,2,2');
    const writer = await connected({ nsqd: tcp() });
    for (let n = 0; n < 30; n++) await writer.send(...Array.from({ length: 10 }, () => message(topic)));
    await until('all are done', () => sinks.reduce((sum, { done }) => sum + done.length, 0) === 300);
    expect(new Set(sinks.flatMap(({ doneIds }) => doneIds)).size).toBe(300);
  }, 60_000);

  it('keeps what waits over SIGKILL with -mem-queue-size=0, but neither what is in flight nor what is deferred', async () => {
    const topic = uniqueName('durable');
    const side = await connected({ nsqd: [node(0).tcp], heartbeatIntervalMs: 1_000 });
    const sink = new TestSink((delivery) =>
      delivery.id === 'deferred' ? (delivery.settle({ kind: 'nack', delayMs: 1_000 }), false as const) : undefined,
    );
    const consumption = await side.consume(topic, sink);
    await side.send(message(topic, { id: 'deferred' }));
    await until('one is deferred', async () => (await channel(topic, 'readers', node(0).http))?.deferred_count === 1);
    await consumption.close();
    const waiting = Array.from({ length: 50 }, () => message(topic));
    await side.send(...waiting);
    await new Promise((resolve) => setTimeout(resolve, SYNCED_MS));
    await node(0).kill();
    await node(0).restart();
    await until('it is back', () => side.connection.health().status === 'up');
    const next = new TestSink();
    await side.consume(topic, next);
    await until('all that waited are there', () => next.done.length >= 50);
    expect(waiting.filter(({ id }) => !next.doneIds.includes(id))).toEqual([]);
    // n.b. whether the deferred one is there is chance: nsqd may or may not have noted that it was read.
  }, 60_000);

  it('forgets the delays when it ends by SIGTERM: everything is there, at once', async () => {
    const topic = uniqueName('sigterm');
    const side = await connected({ nsqd: [node(0).tcp], heartbeatIntervalMs: 1_000 });
    const sink = new TestSink((delivery) =>
      delivery.attempt === 1 ? (delivery.settle({ kind: 'nack', delayMs: 3_000_000 }), false as const) : undefined,
    );
    await side.consume(topic, sink);
    await side.send(...Array.from({ length: 20 }, () => message(topic)));
    await until(
      'they are deferred',
      async () => (await channel(topic, 'readers', node(0).http))?.deferred_count === 20,
    );
    await node(0).shutdown();
    await node(0).restart();
    await until('they have come again', () => sink.done.length === 20);
    expect(sink.done.every(({ attempt }) => attempt === 2)).toBe(true);
  }, 60_000);
});

describe('an nsqd that is not there', () => {
  afterEach(closeAll);

  it('is waited for, told once, and then all goes well', async () => {
    const [port = 0, http = 0] = await freePorts(2);
    const side = new Side({ nsqd: [`127.0.0.1:${port}`] });
    await expect(side.connection.connectOnce()).rejects.toMatchObject({
      code: 'TRANSPORT_BROKER_UNREACHABLE',
      message: expect.stringMatching(/cannot connect to 127.0.0.1:\d+: .*ECONNREFUSED.*Is NSQ running/s),
    });
    const connecting = side.connect();
    await until('it has been told', () => side.heard('broker:unreachable').length === 1);
    expect(side.connection.health().status).toBe('down');
    const nsq = await startNsq({ ports: [port, http, undefined] });
    try {
      await connecting;
      expect([side.heard('broker:unreachable').length, side.heard('broker:connected').length]).toEqual([1, 1]);
      expect(isStored((await side.send(message(uniqueName('late'))))[0])).toBe(true);
      await side.connection.close();
    } finally {
      await nsq.stop();
    }
  }, 300_000);

  it('is not waited for any longer when the wait is called off, or the connection is closed, with a subscription too', async () => {
    const gone = { nsqd: ['127.0.0.1:1'] };
    const abort = new AbortController();
    const aborted = new Side(gone).connection.connect(abort.signal);
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    for (const wait of [(side: Side) => side.connect(), (side: Side) => side.consume('t', new TestSink())]) {
      const side = new Side(gone);
      const refused = expect(wait(side)).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
      await new Promise((resolve) => setImmediate(resolve));
      await side.connection.close();
      await refused;
    }
  });

  it('is hidden behind an nsqlookupd that is not there either: the sentence names it', async () => {
    await expect(new Side({ lookupd: ['http://127.0.0.1:1'] }).connection.connectOnce()).rejects.toMatchObject({
      code: 'TRANSPORT_BROKER_UNREACHABLE',
      message: expect.stringMatching(/http:\/\/127.0.0.1:1 did not answer/),
    });
  });

  it('leaves no socket open when everything is closed while it is away', async () => {
    const nsq = await startNsq();
    const side = await connected({ nsqd: [nsq.nodes[0]?.tcp ?? ''] });
    await side.consume(uniqueName('gone'), new TestSink());
    await nsq.stop();
    const began = Date.now();
    await side.connection.close();
    expect(Date.now() - began).toBeLessThan(5_000);
    await until('no socket is left', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), 3_000);
  }, 300_000);
});
