import { ManualClock } from 'nest-transport/testing';
import { Notices, type Delivery } from 'nest-transport';
import { AckingSink, closeAll, connected, message, subscription, uniqueName } from './support.js';

const url = process.env['RABBITMQ_URL'] ?? '';
const HEARTBEAT_MS = 60_000;
afterEach(closeAll);

/** Keeps what comes, and begins nothing by itself. */
class HoldingSink extends AckingSink {
  readonly held: Delivery[] = [];
  revokes = 0;
  #tell: () => void = () => undefined;

  override receive(deliveries: readonly Delivery[]): void {
    this.held.push(...deliveries);
    this.#tell();
  }

  override revoked(): void {
    this.revokes++;
  }

  async holds(count: number): Promise<void> {
    while (this.held.length < count) await new Promise<void>((tell) => (this.#tell = tell));
  }
}

test('a process that stood still takes back what did not start, and hands it over again, in order, when RabbitMQ says that it is ours', async () => {
  const topic = uniqueName('lease');
  const clock = new ManualClock();
  const connection = await connected({ url, heartbeatMs: HEARTBEAT_MS, topologyCheckMs: 0 }, new Notices(), clock);
  const sink = new HoldingSink();
  await connection.ensureTopics([topic], 'subscribe');
  await connection.consume([{ subscription: subscription(topic, 'g'), sink }]);
  const sent = Array.from({ length: 5 }, () => message(topic));
  await connection.producer.send(sent);
  await sink.holds(5);
  const [running, waiting, ...rest] = sink.held as [Delivery, Delivery, ...Delivery[]];
  expect(running.mayBegin()).toBe(true);
  running.state = 'running';
  waiting.park(3, 0);

  clock.advance(HEARTBEAT_MS * 2);
  expect(rest[0]?.mayBegin()).toBe(false);
  expect([running, waiting, ...rest].map(({ state }) => state)).toEqual(['running', ...Array(4).fill('revoked')]);
  expect(sink.revokes).toBe(1);

  await sink.holds(9);
  const again = sink.held.slice(5);
  expect(again.map(({ id }) => id)).toEqual(sent.slice(1).map(({ id }) => id));
  expect(again.map(({ attempt }) => attempt)).toEqual([3, 1, 1, 1]);
  expect(again.every((delivery) => delivery.mayBegin())).toBe(true);
  expect([running, ...again].map((delivery) => delivery.settle({ kind: 'ack' }))).toEqual(Array(5).fill(true));
});
