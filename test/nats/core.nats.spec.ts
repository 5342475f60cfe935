import { Controller, Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  Notices,
  Publisher,
  Subscribe,
  TransportModule,
  type SubscribeOptions,
} from 'nest-transport';
import { nats } from 'nest-transport/nats';
import { startNats } from '../../tools/brokers/nats.mjs';
import {
  afterwards,
  closeAll,
  connected,
  manyMessages,
  message,
  sharedUrl,
  TestSink,
  uniqueName,
  until,
} from './support.js';

afterEach(closeAll);

/** An application with one handler that fails. */
async function start(options: SubscribeOptions) {
  const topic = uniqueName('core');
  const seen: unknown[] = [];
  @Controller()
  class Handler {
    @Subscribe(topic, options)
    take(@Payload() payload: unknown): void {
      seen.push(payload);
      throw new Error('as planned');
    }
  }
  const broker = nats({ servers: [sharedUrl()], mode: 'core' });
  @Module({
    imports: [TransportModule.forRoot({ service: 'core-test', broker, logger: false })],
    controllers: [Handler],
  })
  class App {}
  const app = await createTransportApp(App, { http: false, exitOnSignal: false, logger: false });
  afterwards(() => app.close());
  const told: string[] = [];
  for (const name of ['message:retry-scheduled', 'message:dropped', 'message:dead-lettered'] as const) {
    app.get(Notices).on(name, () => told.push(name));
  }
  await app.listen();
  return { topic, seen, told, publisher: app.get(Publisher) };
}

describe('core NATS', () => {
  const asked: [string, SubscribeOptions][] = [
    ['redelivery', { retry: { maxAttempts: 3 } }],
    ['deadLetter', { deadLetterTopic: 'elsewhere' }],
    ['startFromBeginning', { startFrom: 'beginning' }],
  ];
  it.each(asked)('refuses at start what it cannot promise: %s', async (capability, options) => {
    await expect(start(options)).rejects.toMatchObject({
      code: 'TRANSPORT_CAPABILITY_UNSUPPORTED',
      message: expect.stringContaining(`"${capability}"`),
    });
  });

  it('gives no receipt for what the server refuses to this user, and one for everything else', async () => {
    const refused = uniqueName('refused');
    const permissions = { publish: { deny: [refused] } };
    const server = await startNats({
      config: { authorization: { users: [{ user: 'u', password: 'x', permissions }] } },
    });
    afterwards(() => server.stop());
    const side = await connected({ mode: 'core', servers: [server.url], auth: { user: 'u', password: 'x' } });
    const results = await side.send(message(refused), message('allowed'), message(refused));
    const codes = results.map((result) => (result instanceof Error ? [result.code, result.stored] : 'receipt'));
    const expected = ['TRANSPORT_AUTHORIZATION_FAILED', 'no'];
    expect(codes).toEqual([expected, 'receipt', expected]);
  });

  it('tries once where nothing was asked for, and says that the message is gone', async () => {
    const { topic, seen, told, publisher } = await start({});
    await publisher.publish(topic, { n: 1 });
    await until('it is told', () => told.length === 1);
    expect([seen, told]).toEqual([[{ n: 1 }], ['message:dropped']]);
  });

  it('keeps retries and dead letters in this process, when that is asked for by name', async () => {
    const { topic, seen, told, publisher } = await start({
      retry: { inProcess: true, maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 1 },
    });
    const [side, sink] = [await connected({ mode: 'core' }), new TestSink()];
    await side.consume(`${topic}.core-test.dead-letter`, 'reader', sink);
    await publisher.publish(topic, { n: 1 });
    await until('the dead letter has come', () => sink.done.length === 1);
    expect(seen).toHaveLength(3);
    expect(told).toEqual(['message:retry-scheduled', 'message:retry-scheduled', 'message:dead-lettered']);
    expect(sink.done[0]?.header('dead-letter-attempts')).toBe('3');
  });

  it('says that messages are lost when more wait than maxBuffered, and goes on with the others', async () => {
    const topic = uniqueName('flood');
    const side = await connected({ mode: 'core', maxBuffered: 100 });
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const sink = new TestSink(() => finished, { maxInFlight: 10, concurrency: 10 });
    await side.consume(topic, 'slow', sink, { maxInFlight: 10 });
    await side.send(...manyMessages(1_000, topic));
    await until('the loss is told', () => side.heard('subscription:warned').length === 1);
    expect(side.heard('subscription:warned')[0]?.warning).toContain('maxBuffered');
    expect(side.connection.health()).toMatchObject({ status: 'degraded' });
    finish();
    await until('what was kept is handled', () => sink.done.length >= 100);
    expect(sink.done.length).toBeLessThan(200);
  });

  it('goes on after an outage, and what was published meanwhile is refused and not lost in silence', async () => {
    const server = await startNats();
    afterwards(() => server.stop());
    const side = await connected({ mode: 'core', servers: [server.url] });
    const [topic, sink] = [uniqueName('outage'), new TestSink()];
    await side.consume(topic, 'group', sink);
    await side.send(...manyMessages(5, topic));
    await server.kill();
    await until('the outage is told', () => side.heard('broker:unreachable').length === 1);
    const results = await side.send(...manyMessages(20, topic));
    expect(results.map((result) => (result instanceof Error ? result.stored : 'sent'))).toEqual(Array(20).fill('no'));
    await server.restart();
    await until('the connection is back', () => side.connection.health().status === 'up');
    await side.send(...manyMessages(5, topic));
    await until('all that were taken have come', () => sink.done.length === 10);
  }, 60_000);
});
