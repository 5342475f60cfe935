import { NsqdAdmin } from 'nest-transport/nsq/client';
import { startNsq, type NsqCluster } from '../../tools/brokers/nsq.mjs';
import { closeAll, connected, message, TestSink, uniqueName, until, type Side } from './support.js';

describe('two nsqd and two nsqlookupd', () => {
  let nsq: NsqCluster;
  beforeAll(async () => (nsq = await startNsq({ nsqd: 2, lookupd: 2 })), 180_000);
  afterAll(() => nsq.stop());
  afterEach(closeAll);
  const lookupd = () => nsq.env.NSQLOOKUPD_HTTP.split(',').map((http) => `http://${http}`);
  const quick = { lookupIntervalMs: 500, heartbeatIntervalMs: 1_000, requestTimeoutMs: 1_000 };
  const member = (): Promise<Side> => connected({ ...quick, lookupd: lookupd() });
  const admins = () => nsq.nodes.map(({ http }) => new NsqdAdmin(`http://${http}`));

  test('deliver what is confirmed while one of each is killed or stands still, and are whole again afterwards', async () => {
    const topic = uniqueName('cluster');
    const side = await member();
    const sink = new TestSink();
    await side.consume(topic, sink);
    const confirmed: string[] = [];
    const publish = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent++) {
        const one = message(topic);
        const [result] = await side.send(one);
        if (!(result instanceof Error)) confirmed.push(one.id);
      }
    };
    try {
      await publish(50);
      await nsq.lookupds.kill(0);
      nsq.freeze(0);
      await publish(50);
      expect(confirmed.length).toBeGreaterThan(60);
    } finally {
      nsq.thaw(0);
      await nsq.lookupds.restart(0);
    }
    await publish(50);
    await until('all that was confirmed is handled', () => confirmed.every((id) => sink.doneIds.includes(id)), 60_000);
    await until('all is well again', () => side.connection.health().status === 'up', 60_000);
  }, 180_000);

  test('say over HTTP how many messages wait for a consumer that does not take them, summed over the nsqd', async () => {
    const topic = uniqueName('waiting');
    for (const admin of admins()) await admin.createChannel(topic, 'readers');
    const side = await member();
    const sink = new TestSink();
    const consumption = await side.consume(topic, sink);
    const waiting = async (): Promise<number | undefined> => (await consumption.waiting?.())?.[0];
    await side.send(...Array.from({ length: 5 }, () => message(topic)));
    await until('all is delivered', () => sink.done.length === 5);
    await until('nothing waits', async () => (await waiting()) === 0);
    await consumption.stop();
    for (let n = 0; n < 10; n++) await side.send(message(topic));
    await until('all of them wait', async () => (await waiting()) === 10);
    const depths = await Promise.all(admins().map((admin) => admin.channelStats(topic, 'readers')));
    expect(depths.every((stats) => (stats?.channels[0]?.depth ?? 0) > 0)).toBe(true);
    await consumption.close();
    expect(await waiting()).toBeUndefined();
  }, 60_000);

  test('do not count what a consumer could not be given: it has as many as it may have, or asked to wait', async () => {
    const topic = uniqueName('full');
    for (const admin of admins()) await admin.createChannel(topic, 'readers');
    const side = await member();
    const stuck = new TestSink(() => new Promise<false>(() => undefined));
    const consumption = await side.consume(topic, stuck, { maxInFlight: 2 });
    for (let n = 0; n < 10; n++) await side.send(message(topic));
    await until('it has two', () => stuck.received.length === 2);
    expect(await consumption.waiting?.()).toEqual([undefined]);
    const patient = { receive: () => new Promise<void>(() => undefined), revoked: () => undefined };
    const held = await side.consume(topic, patient, { group: 'patient' });
    await side.send(message(topic));
    await until('its first messages are there', async () => {
      const stats = await Promise.all(admins().map((admin) => admin.channelStats(topic, 'patient')));
      return stats.some((each) => (each?.channels[0]?.in_flight_count ?? 0) > 0);
    });
    await until('it is not known', async () => (await held.waiting?.())?.[0] === undefined);
  }, 60_000);

  test('have each settlement reported once that an nsqd did not read before its connection broke', async () => {
    const topic = uniqueName('lost');
    const side = await connected({ ...quick, nsqd: [nsq.nodes[0]?.tcp ?? ''] });
    const sink = new TestSink(() => false);
    await side.consume(topic, sink);
    await side.send(message(topic, { id: 'acked' }), message(topic, { id: 'nacked' }));
    await until('they are here', () => sink.received.length === 2);
    nsq.freeze(0);
    try {
      for (const delivery of sink.received) {
        delivery.settle(delivery.id === 'acked' ? { kind: 'ack' } : { kind: 'nack', delayMs: 0 });
      }
      await until('they are reported', () => side.heard('settlement:failed').length >= 2, 60_000);
      const failed = side.heard('settlement:failed').map(({ id, settlement }) => `${id} ${settlement}`);
      expect(failed.sort()).toEqual(['acked ack', 'nacked nack']);
    } finally {
      await nsq.restart(0);
    }
    await until('all is well again', () => side.connection.health().status === 'up', 60_000);
    expect(side.heard('settlement:failed')).toHaveLength(2);
  }, 120_000);

  test('are not asked where no nsqlookupd says where their HTTP side is: what waits is not known', async () => {
    const side = await connected({ nsqd: nsq.nodes.map(({ tcp }) => tcp) });
    const consumption = await side.consume(uniqueName('unlisted'), new TestSink());
    expect(await consumption.waiting?.()).toEqual([undefined]);
  }, 60_000);

  test.each(['channel', 'topic'] as const)(
    'report a paused %s once, with the command that continues it, and deliver what waited',
    async (paused) => {
      const topic = uniqueName('paused');
      for (const admin of admins()) await admin.createChannel(topic, 'readers');
      const side = await member();
      const sink = new TestSink();
      const consumption = await side.consume(topic, sink);
      const [admin] = admins();
      const isTopic = paused === 'topic';
      await (isTopic ? admin?.pauseTopic(topic) : admin?.pauseChannel(topic, 'readers'));
      await until('health says so', () => side.connection.health().status === 'degraded');
      expect(side.connection.health().problems.join()).toContain(`${paused} "${isTopic ? topic : 'readers'}"`);
      expect(side.connection.health().problems.join()).toContain(`/${paused}/unpause?topic=${topic}`);
      for (let n = 0; n < 10; n++) await side.send(message(topic));
      await until('some wait', async () => ((await consumption.waiting?.())?.[0] ?? 0) > 0);
      await (isTopic ? admin?.unpauseTopic(topic) : admin?.unpauseChannel(topic, 'readers'));
      await until('all are done', () => sink.done.length === 10);
      await until('all is well', () => side.connection.health().status === 'up');
      expect(side.heard('broker:warned')).toHaveLength(1);
    },
    60_000,
  );
});
