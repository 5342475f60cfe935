import { startNsq, type NsqCluster } from '../brokers/nsq.mjs';
import { closeAll, connected, message, TestSink, uniqueName, until } from './support.js';

let nsq: NsqCluster;
beforeAll(async () => (nsq = await startNsq({ nsqd: 2, lookupd: 2 })), 180_000);
afterAll(() => nsq.stop());
afterEach(closeAll);

test('two nsqd and two nsqlookupd deliver what is confirmed while one of each is killed or stands still, and are whole again afterwards', async () => {
  const topic = uniqueName('cluster');
  const lookupd = nsq.env.NSQLOOKUPD_HTTP.split(',').map((http) => `http://${http}`);
  const side = await connected({ lookupd, lookupIntervalMs: 500, heartbeatIntervalMs: 1_000, requestTimeoutMs: 1_000 });
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
  await publish(50);
  await nsq.lookupds.kill(0);
  nsq.freeze(0);
  await publish(50);
  const standing = confirmed.length;
  expect(standing).toBeGreaterThan(60);
  nsq.thaw(0);
  await nsq.lookupds.restart(0);
  await publish(50);
  await until('all that was confirmed is handled', () => confirmed.every((id) => sink.doneIds.includes(id)), 40_000);
  await until('all is well again', () => side.connection.health().status === 'up', 40_000);
}, 120_000);
