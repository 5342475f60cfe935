import type { StreamConfig } from '@nats-io/jetstream';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { isTransportError, type PublishReceipt, type SendResult } from 'nest-transport';
import { startNats, type PrivateNats } from '../../tools/brokers/nats.mjs';
import {
  afterwards,
  closeAll,
  connected,
  foreign,
  freeze,
  manager,
  manyMessages,
  message,
  newStream,
  Side,
  storedIn,
  TestSink,
  uniqueName,
  until,
} from './support.js';

afterEach(closeAll);

/** A way to the server on which its words get lost until all connections are dropped. */
async function mutable(url: string) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let isMute = false;
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => undefined));
    client.pipe(upstream);
    upstream.on('data', (bytes) => void (isMute || client.write(bytes)));
    upstream.on('close', () => client.destroy());
  });
  const drop = (): void => {
    isMute = false;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  afterwards(async () => {
    drop();
    proxy.close();
  });
  const address = `nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url: address, mute: () => void (isMute = true), drop };
}

const isReceipt = (result: SendResult): result is PublishReceipt => !isTransportError(result);

describe('publishing to JetStream', () => {
  it('stores the id as Nats-Msg-Id, the key as a header, and nothing around the payload', async () => {
    const topic = uniqueName('plain');
    const stream = await newStream([topic]);
    const side = await connected({ provision: false });
    const sent = message(topic, { key: 'Schlüssel', body: Buffer.from('{"n":1}'), headers: { tenant: 'acme' } });
    expect(await side.send(sent)).toEqual([{ id: sent.id, topic, partition: undefined, offset: '1' }]);
    const stored = await (await manager()).streams.getMessage(stream, { seq: 1 });
    expect(stored?.string()).toBe('{"n":1}');
    expect([...(stored?.header ?? [])]).toEqual([
      ['Nats-Msg-Id', [sent.id]],
      ['message-key', ['Schlüssel']],
      ['tenant', ['acme']],
    ]);
  });

  it('says that a topic is missing where the client says that JetStream is not enabled', async () => {
    const side = await connected({ provision: false });
    const topic = uniqueName('missing');
    const [result] = await side.send(message(topic));
    expect(result).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', stored: 'no', topic });
    expect((result as Error).message).toContain(`nats stream add`);
    await expect(side.connection.ensureTopics([topic], 'publish')).rejects.toMatchObject({
      code: 'TRANSPORT_TOPIC_MISSING',
    });
  });

  it('makes the stream of a topic that is published to for the first time, where it was asked to provision', async () => {
    const side = await connected({ provision: { storage: 'memory', maxAgeMs: 60_000 } });
    const topic = uniqueName('new');
    const results = await side.send(...manyMessages(20, topic));
    expect(results.map((result) => isReceipt(result) && result.offset)).toEqual(
      [...Array(20).keys()].map((n) => `${n + 1}`),
    );
    const jsm = await manager();
    const { config } = await jsm.streams.info(await jsm.streams.find(topic));
    expect(config).toMatchObject({ subjects: [topic], storage: 'memory', max_age: 60_000_000_000 });
  });

  it('stores a message once that is published twice under one id, and both get a receipt', async () => {
    const topic = uniqueName('twice');
    const stream = await newStream([topic]);
    const side = await connected();
    const sent = message(topic);
    const results = [...(await side.send(sent)), ...(await side.send(sent))];
    expect(results.map((result) => isReceipt(result) && result.offset)).toEqual(['1', '1']);
    expect(await storedIn(stream)).toBe(1);
  });

  it('stores every dead letter of one message, and the same dead letter once', async () => {
    const topic = uniqueName('letters');
    const stream = await newStream([topic]);
    const side = await connected();
    const id = uniqueName('order');
    const letter = (group: string, failedAt: string) =>
      message(topic, {
        id,
        headers: {
          'message-id': id,
          'dead-letter-topic': 'pay.done',
          'dead-letter-group': group,
          'dead-letter-offset': '1',
          'dead-letter-attempts': '1',
          'dead-letter-last-failed-at': failedAt,
        },
      });
    const letters = [letter('mail', '2026-01-01'), letter('ledger', '2026-01-01'), letter('mail', '2026-01-02')];
    const results = [...(await side.send(...letters)), ...(await side.send(...letters))];
    expect(results.map((result) => isReceipt(result) && result.offset)).toEqual(['1', '2', '3', '1', '2', '3']);
    expect(await storedIn(stream)).toBe(3);
    const sink = new TestSink();
    await side.consume(topic, 'reader', sink);
    await until('all have come', () => sink.done.length === 3);
    expect(sink.doneIds).toEqual([id, id, id]);
  });

  it('stores messages of the same id on other topics of one stream, although JetStream takes them for repeated ones', async () => {
    const topic = uniqueName('many');
    const stream = await newStream([`${topic}.>`]);
    const side = await connected();
    const id = uniqueName('order');
    const results = await side.send(message(`${topic}.created`, { id }), message(`${topic}.paid`, { id }));
    expect(results.every(isReceipt)).toBe(true);
    expect(await storedIn(stream)).toBe(2);
    await side.send(message(`${topic}.paid`, { id }));
    expect(await storedIn(stream)).toBe(2);
  });

  it('refuses alone what a stream or the server finds too large, and stores its neighbours', async () => {
    const topic = uniqueName('size');
    const stream = await newStream([topic], { max_msg_size: 10_000 });
    const side = await connected();
    const large = message(topic, { body: Buffer.alloc(20_000) });
    const huge = message(topic, { body: Buffer.alloc(2_000_000) });
    const results = await side.send(message(topic), large, huge, message(topic));
    const codes = results.map((result) => (isReceipt(result) ? 'stored' : result.code));
    expect(codes).toEqual(['stored', 'TRANSPORT_MESSAGE_TOO_LARGE', 'TRANSPORT_MESSAGE_TOO_LARGE', 'stored']);
    expect(await storedIn(stream)).toBe(2);
  });

  it("takes the server's own max_payload as the limit, once it knows it", async () => {
    const server = await startNats({ config: { max_payload: 20_000 } });
    afterwards(() => server.stop());
    const side = await connected({ servers: [server.url] });
    const topic = uniqueName('limit');
    const { maxBytes } = side.connection.producer;
    expect(maxBytes).toBe(20_000 - 64);
    const sent = message(topic, { id: 'x', key: 'k' });
    const [result] = await side.send({ ...sent, body: Buffer.alloc(maxBytes - 12 - 1 - 1 - 8) });
    expect(result).toMatchObject({ offset: '1' });
  });

  it('refuses what the server would act on, or has no place for, before anything is sent', async () => {
    const { producer } = (await connected()).connection;
    const check = (more: object) => () => producer.check(message('fine', more));
    expect(check({ headers: { 'nats-msg-id': 'x' } })).toThrow(/TRANSPORT_HEADER_INVALID/);
    expect(check({ headers: { 'Nats-Schedule': '@every 1s' } })).toThrow(/server's own.*TRANSPORT_HEADER_INVALID/s);
    expect(check({ partition: 0 })).toThrow(/TRANSPORT_PARTITION_MISSING/);
    for (const topic of [
      '',
      'two words',
      'a..b',
      '.a',
      'a.',
      'a.*',
      'a.>',
      '$JS.x',
      '_INBOX.x',
      'zwölf',
      'x'.repeat(256),
    ]) {
      expect(check({ topic })).toThrow(/TRANSPORT_TOPIC_INVALID/);
    }
    expect(check({})).not.toThrow();
  });

  it('takes no answer of a foreign program for a confirmation', async () => {
    const topic = uniqueName('liar');
    const connection = await foreign();
    connection.subscribe(topic, { callback: (_error, request) => void request.respond('{"stored":true}') });
    await connection.flush();
    const side = await connected({ provision: false });
    const [result] = await side.send(message(topic));
    expect(result).toMatchObject({ code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown' });
  });
});

describe('a subject without a stream that somebody listens to', () => {
  const silent = async (topic: string): Promise<void> => {
    const connection = await foreign();
    connection.subscribe(topic, { callback: () => undefined });
    await connection.flush();
  };

  it('gets its stream after one timeout, and the message is stored once', async () => {
    const topic = uniqueName('overheard');
    await silent(topic);
    const side = await connected({ requestTimeoutMs: 1_000 });
    const since = performance.now();
    const results = await side.send(...manyMessages(50, topic));
    expect(results.map((result) => isReceipt(result) && result.offset)).toEqual(
      [...Array(50).keys()].map((n) => `${n + 1}`),
    );
    expect(performance.now() - since).toBeLessThan(1_800);
  });

  it('is reported as missing after one timeout without provision, while other topics are stored at once', async () => {
    const [topic, other] = [uniqueName('overheard'), uniqueName('fine')];
    await silent(topic);
    await newStream([other]);
    const side = await connected({ provision: false, requestTimeoutMs: 1_000 });
    await side.send(message(other));
    const since = performance.now();
    const missing = side
      .send(...manyMessages(50, topic))
      .then((results) => ({ results, ms: performance.now() - since }));
    expect((await side.send(message(other))).every(isReceipt)).toBe(true);
    expect(performance.now() - since).toBeLessThan(500);
    const { results, ms } = await missing;
    expect(ms).toBeLessThan(1_800);
    for (const result of results)
      expect(result).toMatchObject({ code: 'TRANSPORT_TOPIC_MISSING', stored: 'no', topic });
  });
});

describe('streams that delete what is acknowledged', () => {
  const twiceUnderOneId = async (retention: string, topic: string) => {
    const side = await connected();
    const sink = new TestSink();
    await side.consume(topic, 'reader', sink);
    const sent = message(topic);
    const results = [...(await side.send(sent))];
    await until('it is handled', () => sink.done.length === 1);
    await until('it is deleted', async () => (await storedIn(await (await manager()).streams.find(topic))) === 0);
    results.push(...(await side.send(sent)), ...(await side.send(message(topic))));
    await until('the next one is handled', () => sink.done.length >= 2);
    // n.b. what was stored between the two has come before the last.
    return { results, handled: sink.done.length };
  };

  it.each(['workqueue', 'interest'])('store the same id once (%s)', async (retention) => {
    const topic = uniqueName('once');
    await newStream([topic], { retention });
    const { results, handled } = await twiceUnderOneId(retention, topic);
    expect(results.every(isReceipt)).toBe(true);
    expect(handled).toBe(2);
  });

  it.each(['workqueue', 'interest'])(
    'store the same id once per topic, where they hold several (%s)',
    async (retention) => {
      const word = uniqueName('shared');
      const stream = await newStream([`${word}.>`], { retention });
      const { results, handled } = await twiceUnderOneId(retention, `${word}.created`);
      expect(results.every(isReceipt)).toBe(true);
      expect(handled).toBe(2);
      const [side, sink] = [await connected(), new TestSink()];
      await side.consume(`${word}.paid`, 'reader', sink);
      const { id } = results[0] as PublishReceipt;
      await side.send(message(`${word}.paid`, { id }));
      await until('the same id on another topic comes', () => sink.done.length === 1);
      expect(sink.doneIds).toEqual([id]);
      await until('all is acknowledged', async () => (await storedIn(stream)) === 0);
    },
  );

  it('with interest retention and no consumer for the topic, a publish is an error and not a receipt', async () => {
    const word = uniqueName('interest');
    await newStream([`${word}.>`], { retention: 'interest' });
    const [side, sink] = [await connected(), new TestSink()];
    const refusal = { code: 'TRANSPORT_PUBLISH_FAILED', stored: 'no', retryable: true };
    expect(await side.send(message(`${word}.a`))).toEqual([expect.objectContaining(refusal)]);
    await side.consume(`${word}.a`, 'reader', sink);
    expect(await side.send(message(`${word}.b`))).toEqual([expect.objectContaining(refusal)]);
    const sent = message(`${word}.a`);
    expect((await side.send(sent)).every(isReceipt)).toBe(true);
    await until('it is handled', () => sink.done.length === 1);
    expect(sink.doneIds).toEqual([sent.id]);
  });

  it('with interest retention, a stream that is read by another stream only keeps its messages', async () => {
    const topic = uniqueName('sourced');
    const stream = await newStream([topic], { retention: 'interest' });
    const copy = await newStream([], { subjects: undefined, sources: [{ name: stream }] });
    const side = await connected();
    await until('the source reads', async () => (await side.send(message(topic))).every(isReceipt));
    await until('it is copied', async () => (await storedIn(copy)) > 0);
  });

  it('with interest retention cannot be dead-letter topics', async () => {
    const topic = uniqueName('letters');
    await newStream([topic], { retention: 'interest' });
    const side = await connected();
    await expect(side.connection.ensureTopics([topic], 'dead-letter')).rejects.toMatchObject({
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringContaining('retention "interest"'),
    });
    await side.connection.ensureTopics([topic], 'publish');
  });
});

describe('publishing over an outage', () => {
  let server: PrivateNats;
  beforeAll(async () => void (server = await startNats()), 60_000);
  afterAll(() => server.stop());

  it('gives nothing to a client that is disconnected, which would throw it away: it is refused as not stored', async () => {
    const topic = uniqueName('gate');
    const stream = await newStream([topic], {}, server.url);
    await closeAll();
    const side = await connected({ servers: [server.url] });
    await server.kill();
    await until('the outage is noticed', () => side.heard('broker:unreachable').length === 1);
    const results = await side.send(...manyMessages(50, topic));
    expect(results.map((result) => !isReceipt(result) && [result.code, result.stored, result.retryable])).toEqual(
      Array(50).fill(['TRANSPORT_BROKER_UNREACHABLE', 'no', true]),
    );
    await server.restart();
    await until('the connection is back', () => side.connection.health().status === 'up');
    expect((await side.send(message(topic))).every(isReceipt)).toBe(true);
    expect(await storedIn(stream, server.url)).toBe(1);
  }, 60_000);

  it('writes again what was on its way when the server was killed, and stores each message once, in order', async () => {
    const topic = uniqueName('load');
    const stream = await newStream([topic], {}, server.url);
    await closeAll();
    const side = await connected({ servers: [server.url], requestTimeoutMs: 2_000 });
    const ids: string[] = [];
    let isOver = false;
    // One request after the other, as the publisher above makes them; whatever is known not to be stored goes again.
    const publishing = (async (): Promise<void> => {
      let batch = manyMessages(200, topic);
      while (!isOver || batch.length > 0) {
        const results = await side.send(...batch);
        const refused = results.findIndex((result) => !isReceipt(result));
        const stored = refused === -1 ? results : results.slice(0, refused);
        ids.push(...stored.filter(isReceipt).map(({ id }) => id));
        const rest = batch.slice(stored.length);
        for (const result of results.slice(stored.length)) expect(result).toMatchObject({ stored: 'no' });
        batch = rest.length > 0 ? rest : isOver ? [] : manyMessages(200, topic);
        if (rest.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    for (let round = 0; round < 3; round++) {
      const before = ids.length;
      await until('publishing goes on', () => ids.length > before + 1_000);
      await server.restart();
    }
    await until('publishing goes on', () => side.connection.health().status === 'up');
    isOver = true;
    await publishing;

    const jsm = await manager(server.url);
    const { state } = await jsm.streams.info(stream);
    expect(state.messages).toBe(ids.length);
    const places = [1, Math.ceil(ids.length / 2), ids.length];
    const stored = await Promise.all(places.map((seq) => jsm.streams.getMessage(stream, { seq })));
    expect(stored.map((each) => each?.header.get('Nats-Msg-Id'))).toEqual(places.map((place) => ids[place - 1]));
  }, 60_000);

  it('tells "unknown" where an earlier try may have stored what the server then refuses', async () => {
    const topic = uniqueName('sealed');
    const stream = await newStream([topic], {}, server.url);
    const jsm = await manager(server.url);
    const { url, mute, drop } = await mutable(server.url);
    const side = await connected({ servers: [url] });
    const sent = message(topic);
    await side.send(message(topic));
    mute();
    const sending = side.send(sent);
    await until(
      'it is stored, and the acknowledgement is lost',
      async () => (await storedIn(stream, server.url)) === 2,
    );
    await jsm.streams.update(stream, { sealed: true } as Partial<StreamConfig>);
    drop();
    const [result] = await sending;
    expect(result).toMatchObject({ code: 'TRANSPORT_PUBLISH_FAILED', stored: 'unknown' });
    expect((result as Error).message).toContain('sealed');
  }, 60_000);

  it('tells "unknown" for what was on its way when the server does not come back, and never twice', async () => {
    const topic = uniqueName('gone');
    await newStream([topic], {}, server.url);
    await closeAll();
    const side = await connected({ servers: [server.url], requestTimeoutMs: 300 });
    const thaw = await freeze(server);
    const [result] = await side.send(message(topic)).finally(thaw);
    expect(result).toMatchObject({ code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown', retryable: true });
  }, 60_000);
});

/** Resolves when so many connections were made in place of a server that is down, each of which was ended at once. */
async function refusedConnections(port: number, count: number): Promise<void> {
  let made = 0;
  const imposter = createServer((socket) => {
    made++;
    socket.destroy();
  }).listen(port, '127.0.0.1');
  try {
    await until('it was tried often', () => made >= count, 60_000);
  } finally {
    await new Promise((resolve) => imposter.close(resolve));
  }
}

describe('a connection', () => {
  it('does not give up after an outage that its client would give up on', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const side = await connected({ servers: [server.url] });
    const topic = uniqueName('patient');
    await side.send(message(topic));
    await server.kill();
    await until('the outage is told', () => side.heard('broker:unreachable').length === 1);
    expect(side.connection.health()).toMatchObject({ status: 'down', problems: [expect.stringContaining('broke')] });
    // n.b. the client's own patience ends after 10 tries.
    await refusedConnections(Number(new URL(server.url).port), 12);
    await server.restart();
    await until('the connection is back', () => side.connection.health().status === 'up');
    expect(side.heard('broker:unreachable')).toHaveLength(1);
    expect(side.heard('broker:connected')).toHaveLength(2);
    expect((await side.send(message(topic))).every(isReceipt)).toBe(true);
  }, 60_000);

  it('notices within three pings that its server does not answer any more', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const side = await connected({ servers: [server.url], pingIntervalMs: 300 });
    const since = performance.now();
    const thaw = await freeze(server);
    await until('the silence is told', () => side.heard('broker:unreachable').length === 1, 5_000);
    expect(performance.now() - since).toBeLessThan(2_500);
    thaw();
    await until('the connection is back', () => side.connection.health().status === 'up');
  }, 60_000);

  it('says at start that a server has no JetStream', async () => {
    const server = await startNats({ config: { jetstream: false } });
    afterwards(() => server.stop());
    await expect(new Side({ servers: [server.url] }).connect()).rejects.toMatchObject({
      code: 'TRANSPORT_CAPABILITY_UNSUPPORTED',
      message: expect.stringContaining("mode: 'core'"),
    });
    await new Side({ servers: [server.url], mode: 'core' }).connect();
  }, 60_000);
});
