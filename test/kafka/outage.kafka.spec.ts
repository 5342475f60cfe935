import { isTransportError, type SendResult } from 'nest-transport';
import { startKafka, type PrivateKafka } from '../brokers/kafka.mjs';
import {
  closeAll,
  connected,
  KafkaProxy,
  message,
  newTopic,
  Side,
  stored,
  TestSink,
  uniqueName,
  until,
} from './support.js';

/** Timeouts as an application under test would have them; the broker is killed and comes back within seconds. */
const options = (kafka: PrivateKafka) => ({
  brokers: kafka.brokers,
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 300,
  requestTimeoutMs: 5_000,
});

const isStored = (result: SendResult | undefined): boolean => result !== undefined && !isTransportError(result);

describe('a Kafka that dies and comes back', () => {
  let kafka: PrivateKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 120_000);
  afterEach(closeAll);
  afterAll(() => kafka.stop());

  it('SIGKILL: what was confirmed is there, consuming goes on soon, and unknown outcomes are told as such', async () => {
    const topic = await newTopic(3, {}, kafka.brokers);
    const group = uniqueName('group');
    const sink = new TestSink();
    const side = await connected(options(kafka));
    await side.consume(group, [topic, sink]);
    const confirmed: string[] = [];
    const others: SendResult[] = [];
    let publishing = true;
    const publisher = (async () => {
      while (publishing) {
        const batch = Array.from({ length: 20 }, (_, index) => message(topic, { key: `k${index}` }));
        const results = await side.connection.producer.send(batch);
        results.forEach((result, index) =>
          isStored(result) ? confirmed.push(batch[index]?.id ?? '') : others.push(result),
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await until('work has begun', () => sink.done.length > 200);
    await kafka.kill();
    await until('it is noticed', () => side.connection.health().status === 'down', 30_000);
    await kafka.restart();
    const began = Date.now();
    const before = confirmed.length;
    await until('publishing goes on', () => confirmed.length > before, 30_000);
    publishing = false;
    await publisher;
    await until('all that was confirmed is handled', () => new Set(sink.doneIds).size >= confirmed.length, 30_000);
    const recoveryMs = Date.now() - began;
    const handled = new Set(sink.doneIds);
    expect(confirmed.filter((id) => !handled.has(id))).toEqual([]);
    expect(recoveryMs).toBeLessThan(20_000);
    expect(
      others.every((result) => isTransportError(result) && (result.stored === 'no' || result.stored === 'unknown')),
    ).toBe(true);
    // What was said not to be stored is not stored.
    expect(sink.done.length - handled.size).toBe(0);
    await until('it is well again', () => side.connection.health().status === 'up');
    expect(side.heard('subscription:crashed').length).toBeGreaterThan(0);
    expect(side.heard('subscription:recovered').length).toBeGreaterThan(0);
    expect(side.heard('partition:revoked')).toEqual([]);
  }, 90_000);

  it('nothing is confirmed without being stored after a request whose outcome nobody knows', async () => {
    const topic = await newTopic(1, {}, kafka.brokers);
    const side = await connected({ ...options(kafka), requestTimeoutMs: 1_000, connectionTimeoutMs: 500 });
    const send = async (body: string): Promise<SendResult | undefined> =>
      (await side.send(message(topic, { body: Buffer.from(body) })))[0];
    expect(isStored(await send('first'))).toBe(true);
    process.kill(kafka.pid, 'SIGSTOP');
    const lost = send('frozen').finally(() => process.kill(kafka.pid, 'SIGCONT'));
    expect(await lost).toMatchObject({ code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown', retryable: true });
    // n.b. a Kafka that stood still has to find itself again first, which takes as long as it takes.
    await until('a publish is stored again', async () => isStored(await send('after')));
    const found = (await stored(topic, kafka.brokers)).map(({ value }) => value);
    expect(found).toContain('after');
    expect(found.filter((value) => value === 'frozen').length).toBeLessThanOrEqual(1);
  }, 60_000);

  it('absent at start: it is waited for, told once, and then all goes well', async () => {
    const topic = await newTopic(1, {}, kafka.brokers);
    await kafka.kill();
    const side = new Side(options(kafka));
    await expect(side.connection.connectOnce()).rejects.toMatchObject({
      code: 'TRANSPORT_BROKER_UNREACHABLE',
      message: expect.stringMatching(/cannot connect to 127.0.0.1:\d+: .*ECONNREFUSED.*Is Kafka running/s),
    });
    expect(await side.send(message(topic))).toMatchObject([{ code: 'TRANSPORT_BROKER_UNREACHABLE', stored: 'no' }]);
    const connecting = side.connect();
    await until('it has been told', () => side.heard('broker:unreachable').length === 1);
    expect(side.connection.health().status).toBe('down');
    await kafka.restart();
    await connecting;
    expect(side.heard('broker:unreachable')).toHaveLength(1);
    expect(side.heard('broker:connected')).toHaveLength(1);
    expect(isStored((await side.send(message(topic)))[0])).toBe(true);
  }, 60_000);

  it('the wait for an absent one ends when it is called off, or the connection is closed', async () => {
    const gone = { brokers: ['127.0.0.1:1'] };
    const abort = new AbortController();
    const aborted = new Side(gone).connection.connect(abort.signal);
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    const closed = new Side(gone);
    const waiting = closed.connection.connect(new AbortController().signal);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    await closed.connection.close();
    await refused;
  });

  it('closing while it is stopped ends soon, with what was handled and not committed', async () => {
    const topic = await newTopic(1, {}, kafka.brokers);
    const side = await connected({ ...options(kafka), requestTimeoutMs: 30_000, commitIntervalMs: 60_000 });
    const sink = new TestSink();
    await side.consume(uniqueName('group'), [topic, sink]);
    await side.send(message(topic));
    await until('it is handled', () => sink.done.length === 1);
    process.kill(kafka.pid, 'SIGSTOP');
    const unsent = side.send(message(topic));
    const began = Date.now();
    await side.connection.close().finally(() => process.kill(kafka.pid, 'SIGCONT'));
    expect(Date.now() - began).toBeLessThan(12_000);
    expect(await unsent).toMatchObject([{ stored: expect.stringMatching('no|unknown') }]);
    await until('no socket is left', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), 3_000);
  }, 60_000);

  it('a close ends the wait for one that is stopped and was never reached', async () => {
    process.kill(kafka.pid, 'SIGSTOP');
    const side = new Side({ ...options(kafka), requestTimeoutMs: 30_000 });
    const connecting = side.connection.connect(new AbortController().signal);
    const refused = expect(connecting).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    const began = Date.now();
    await side.connection.close().finally(() => process.kill(kafka.pid, 'SIGCONT'));
    await refused;
    expect(Date.now() - began).toBeLessThan(5_000);
  }, 60_000);

  it('a bootstrap address that answers while its node does not is waited for like an absent one', async () => {
    const topic = await newTopic(1, {}, kafka.brokers);
    const proxy = await KafkaProxy.start(kafka.brokers[0]);
    proxy.advertisedPort = 1;
    const side = new Side({ ...options(kafka), brokers: proxy.brokers });
    const connecting = side.connect();
    await until('it has been told', () => side.heard('broker:unreachable').length === 1);
    proxy.advertisedPort = undefined;
    await connecting;
    expect(isStored((await side.send(message(topic)))[0])).toBe(true);
  }, 60_000);

  it('closing while it is away ends soon and leaves no socket open', async () => {
    const topic = await newTopic(1, {}, kafka.brokers);
    const side = await connected(options(kafka));
    await side.consume(uniqueName('group'), [topic, new TestSink()]);
    await side.send(message(topic));
    await kafka.kill();
    const began = Date.now();
    await side.connection.close();
    expect(Date.now() - began).toBeLessThan(10_000);
    await until('no socket is left', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), 3_000);
  }, 60_000);
});
