import { afterwards, closeAll, connected, manager, manyMessages, TestSink, uniqueName, until } from './support.js';
import { startNats } from '../../tools/brokers/nats.mjs';

afterEach(closeAll);

async function sideWithTopic(options = {}) {
  const topic = uniqueName('waiting');
  const side = await connected(options);
  await side.connection.ensureTopics([topic], 'publish');
  return { topic, side };
}

const never = (): Promise<false> => new Promise(() => undefined);

describe('the messages that wait for a consumption', () => {
  it('are none when everything was delivered, and all that came since when it does not listen any more', async () => {
    const { topic, side } = await sideWithTopic();
    const sink = new TestSink();
    const consumption = await side.consume(topic, 'group', sink);
    await side.send(...manyMessages(5, topic));
    await until('all are handled', () => sink.done.length === 5);
    expect(await consumption.waiting?.()).toEqual([0]);
    await consumption.stop();
    await side.send(...manyMessages(7, topic));
    expect(await consumption.waiting?.()).toEqual([7]);
  });

  it('are those of all streams that a pattern meets', async () => {
    const base = uniqueName('waiting');
    const side = await connected();
    const topics = [`${base}.a`, `${base}.b`];
    await side.connection.ensureTopics(topics, 'publish');
    const consumption = await side.consume(`${base}.*`, 'group', new TestSink());
    await consumption.stop();
    for (const topic of topics) await side.send(...manyMessages(3, topic));
    expect(await consumption.waiting?.()).toEqual([6]);
  });

  it('are not known for a member that is not the active one', async () => {
    const { topic, side } = await sideWithTopic({ singleActiveConsumer: true });
    const [sink, other] = [new TestSink(), await connected({ singleActiveConsumer: true })];
    const active = await side.consume(topic, 'group', sink);
    await side.send(...manyMessages(1, topic));
    await until('the first is active', () => sink.done.length === 1);
    const standby = await other.consume(topic, 'group', new TestSink());
    await Promise.all([active.stop(), standby.stop()]);
    await side.send(...manyMessages(4, topic));
    expect([await active.waiting?.(), await standby.waiting?.()]).toEqual([[4], [undefined]]);
  });

  it('are not known while the group may have no more unsettled messages, the sink has no room, or an operator has paused it', async () => {
    const { topic, side } = await sideWithTopic({ maxUnsettled: 8 });
    const [sink, full] = [new TestSink(never), new TestSink(never, { maxInFlight: 4 })];
    const limited = await side.consume(topic, 'limited', sink);
    const busy = await side.consume(topic, 'busy', full, { maxInFlight: 4 });
    const paused = await side.consume(topic, 'paused', new TestSink());
    const jsm = await manager();
    await jsm.consumers.pause(
      await jsm.streams.find(topic),
      (await namesOf(topic))['paused'] ?? '',
      new Date(Date.now() + 60_000),
    );
    await side.send(...manyMessages(20, topic));
    await until('they have what they may have', () => sink.received.length === 8 && full.received.length >= 4);
    expect(await Promise.all([limited, busy, paused].map(async (one) => one.waiting?.()))).toEqual([
      [undefined],
      [undefined],
      [undefined],
    ]);
  });

  it('are not known without the right to look at the consumer', async () => {
    const users = (deny: string[]) => [{ user: 'member', password: 'x', permissions: { publish: { deny } } }];
    const server = await startNats({ config: { authorization: { users: users([]) } } });
    afterwards(() => server.stop());
    const { topic, side } = await sideWithTopic({ servers: [server.url], auth: { user: 'member', password: 'x' } });
    const consumption = await side.consume(topic, 'group', new TestSink());
    expect(await consumption.waiting?.()).toEqual([0]);
    await server.reload({ authorization: { users: users(['$JS.API.CONSUMER.INFO.>']) } });
    await until('the right is gone', async () => (await consumption.waiting?.())?.[0] === undefined);
  });

  it('cannot be asked for with core NATS, which keeps none', async () => {
    const side = await connected({ mode: 'core' });
    expect((await side.consume(uniqueName('waiting'), 'group', new TestSink())).waiting).toBeUndefined();
  });
});

/** The consumers of a topic, by the group that their names begin with. */
async function namesOf(topic: string): Promise<Record<string, string>> {
  const jsm = await manager();
  const infos = await jsm.consumers.list(await jsm.streams.find(topic)).next();
  return Object.fromEntries(infos.map(({ name }) => [name.split('-')[0], name]));
}
