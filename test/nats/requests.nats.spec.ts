import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, from, lastValueFrom, timeout, toArray } from 'rxjs';
import { createTransportApp, TransportClient, TransportModule, type Reply } from 'nest-transport';
import { nats, type NatsMode, type NatsOptions } from 'nest-transport/nats';
import { startNats } from '../../tools/brokers/nats.mjs';
import {
  afterwards,
  closeAll,
  connected,
  foreign,
  message,
  newStream,
  sharedUrl,
  TestSink,
  uniqueName,
  until,
} from './support.js';

afterEach(closeAll);

const onto = (mode: NatsMode): NatsOptions =>
  mode === 'core' ? { servers: [sharedUrl()], mode } : { servers: [sharedUrl()], provision: {} };

/** An application that answers questions, and a client of it. */
async function start(mode: NatsMode) {
  const word = uniqueName('ask');
  @Controller()
  class Oracle {
    @MessagePattern(`${word}.double`)
    double(@Payload() n: number): number {
      return n * 2;
    }
    @MessagePattern(`${word}.count`)
    count(@Payload() n: number) {
      return from(Array.from({ length: n }, (_, index) => index));
    }
    @MessagePattern(`${word}.fail`)
    fail(): never {
      throw new Error('the secret of the house');
    }
  }
  @Module({
    imports: [TransportModule.forRoot({ service: word, broker: nats(onto(mode)), logger: false })],
    controllers: [Oracle],
  })
  class App {}
  const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
  afterwards(() => app.close());
  await app.listen();
  const client = app.get(TransportClient);
  const ask = (what: string, payload: unknown) => client.send<number>(`${word}.${what}`, payload).pipe(timeout(5_000));
  return { word, ask };
}

describe.each(['jetstream', 'core'] as const)('a request over %s', (mode) => {
  it('is answered, with one value or with many', async () => {
    const { ask } = await start(mode);
    expect(await firstValueFrom(ask('double', 21))).toBe(42);
    expect(await lastValueFrom(ask('count', 5).pipe(toArray()))).toEqual([0, 1, 2, 3, 4]);
    expect(await Promise.all([1, 2, 3].map((n) => firstValueFrom(ask('double', n))))).toEqual([2, 4, 6]);
  });

  it('is answered with the error of its handler, and with nothing of what is inside it', async () => {
    const { ask } = await start(mode);
    await expect(firstValueFrom(ask('fail', {}))).rejects.toMatchObject({
      code: 'TRANSPORT_REQUEST_FAILED',
      message: expect.stringContaining('Internal server error'),
    });
    await expect(firstValueFrom(ask('fail', {}))).rejects.not.toThrow(/secret of the house/);
  });
});

describe('an answer', () => {
  it('goes to an inbox only: a forged address makes nobody write to a topic', async () => {
    const topic = uniqueName('forged');
    const side = await connected();
    await side.connection.ensureTopics([topic], 'publish');
    const answerable: boolean[] = [];
    const sink = new TestSink(({ reply }) => void answerable.push(reply !== undefined));
    await side.consume(topic, 'forged', sink);
    const addresses = ['orders.created', '$JS.API.STREAM.DELETE.X', '_INBOX.a b', '_INBOX.*', '_INBOX', '_INBOX.real'];
    for (const address of addresses) await side.send(message(topic, { headers: { 'message-reply-to': address } }));
    await until('all have come', () => sink.done.length === addresses.length);
    expect(answerable).toEqual([false, false, false, false, false, true]);
  });

  it.each(['jetstream', 'core'] as const)('reaches a requester with another inboxPrefix over %s', async (mode) => {
    const topic = uniqueName('prefix');
    const [side, requester] = [await connected({ mode }), await connected({ mode, inboxPrefix: '_INBOX_shop' })];
    await side.connection.ensureTopics([topic], 'publish');
    const sink = new TestSink(({ reply }) => void reply?.({ kind: 'value', body: Buffer.from('pong'), last: true }));
    await side.consume(topic, 'group', sink);
    const replies: Reply[] = [];
    await requester.connection.requester?.request(message(topic), (reply) => replies.push(reply));
    await until('it is answered', () => replies.length === 1);
    expect(replies[0]).toMatchObject({ kind: 'value', last: true });
  });

  it('that is too large is an error of the handler, not a lost answer', async () => {
    const topic = uniqueName('large');
    const side = await connected();
    await side.connection.ensureTopics([topic], 'publish');
    const errors: unknown[] = [];
    const sink = new TestSink(({ reply }) => {
      try {
        void reply?.({ kind: 'value', body: Buffer.alloc(2_000_000), last: true });
      } catch (error) {
        errors.push(error);
      }
    });
    await side.consume(topic, 'large', sink);
    await side.connection.requester?.request(message(topic), () => undefined);
    await until('it has come', () => sink.done.length === 1);
    expect(errors).toEqual([expect.objectContaining({ code: 'TRANSPORT_MESSAGE_TOO_LARGE' })]);
  });
});

describe('core NATS', () => {
  it("is answered by its responder, not by the acknowledgement of a stream that holds the request's subject", async () => {
    const topic = uniqueName('held');
    await newStream([topic]);
    const responder = await foreign();
    responder.subscribe(topic, {
      callback: (_error, request) => void setTimeout(() => request.respond('"mine"'), 200),
    });
    await responder.flush();
    const side = await connected({ mode: 'core' });
    const replies: Reply[] = [];
    await side.connection.requester?.request(message(topic), (reply) => replies.push(reply));
    await until('an answer has come', () => replies.length > 0);
    expect(replies).toEqual([{ kind: 'value', body: Buffer.from('"mine"'), last: true }]);
  });

  it('reports that only a stream acknowledged a request, after requestTimeoutMs without a responder', async () => {
    const topic = uniqueName('unanswered');
    const stream = await newStream([topic]);
    const side = await connected({ mode: 'core', requestTimeoutMs: 300 });
    const replies: Reply[] = [];
    await side.connection.requester?.request(message(topic), (reply) => replies.push(reply));
    await until('the error has come', () => replies.length > 0);
    expect(replies).toEqual([
      { kind: 'error', name: 'NoResponders', message: expect.stringContaining(`only stream "${stream}"`) },
    ]);
  });

  it('rejects a request at once that this user may not publish', async () => {
    const topic = uniqueName('forbidden');
    const permissions = { publish: { deny: [topic] } };
    const server = await startNats({
      config: { authorization: { users: [{ user: 'u', password: 'x', permissions }] } },
    });
    afterwards(() => server.stop());
    const side = await connected({ mode: 'core', servers: [server.url], auth: { user: 'u', password: 'x' } });
    const asking = side.connection.requester?.request(message(topic), () => undefined);
    await expect(asking).rejects.toMatchObject({ code: 'TRANSPORT_AUTHORIZATION_FAILED', stored: 'no', topic });
  });

  it("is asked and answered by foreign programs in NATS's own way", async () => {
    const topic = uniqueName('foreign');
    const side = await connected({ mode: 'core' });
    const sink = new TestSink(({ reply }) => reply?.({ kind: 'value', body: Buffer.from('"pong"'), last: true }));
    await side.consume(topic, 'answering', sink);
    const connection = await foreign();
    expect((await connection.request(topic, 'ping')).string()).toBe('"pong"');

    connection.subscribe(`${topic}.theirs`, { callback: (_error, request) => void request.respond('"theirs"') });
    await connection.flush();
    const replies: Reply[] = [];
    await side.connection.requester?.request(message(`${topic}.theirs`), (reply) => replies.push(reply));
    await until('the answer has come', () => replies.length === 1);
    expect(replies).toEqual([{ kind: 'value', body: Buffer.from('"theirs"'), last: true }]);
  });

  it('says at once that nobody listens', async () => {
    const side = await connected({ mode: 'core' });
    const topic = uniqueName('nobody');
    const replies: Reply[] = [];
    await side.connection.requester?.request(message(topic), (reply) => replies.push(reply));
    await until('the answer has come', () => replies.length === 1);
    expect(replies).toEqual([
      { kind: 'error', name: 'NoResponders', message: `no responder is subscribed to "${topic}"` },
    ]);
  });
});
