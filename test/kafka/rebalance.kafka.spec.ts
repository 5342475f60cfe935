import type { Delivery } from 'nest-transport';
import {
  closeAll,
  committed,
  connected,
  foreignSend,
  grow,
  Latch,
  message,
  newTopic,
  type Side,
  TestSink,
  uniqueName,
  until,
  withAdmin,
} from './support.js';

afterEach(closeAll);

const quick = { sessionTimeoutMs: 6_000, heartbeatIntervalMs: 100, rebalanceTimeoutMs: 10_000 } as const;
const ticks = (count: number) => async (): Promise<void> => {
  for (let tick = 0; tick < count; tick++) await new Promise((resolve) => setImmediate(resolve));
};
const assigned = (side: Side): number =>
  side.heard('partition:assigned').length - side.heard('partition:revoked').length;

/** Handled by several members: what they have in common. */
class Record {
  readonly order = new Map<string, number[]>();
  readonly counts = new Map<string, number>();

  handled({ key = '', body }: Delivery): void {
    const id = String(body);
    this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    const list = this.order.get(key) ?? [];
    this.order.set(key, list);
    list.push(Number(id.split('#')[1]));
  }

  get twice(): string[] {
    return [...this.counts].filter(([, count]) => count > 1).map(([id]) => id);
  }

  get outOfOrder(): string[] {
    return [...this.order].filter(([, list]) => list.some((value, index) => value !== index)).map(([key]) => key);
  }
}

describe('two members of a group', () => {
  it('lose nothing, repeat nothing and keep the order of each key, while they come and go under load', async () => {
    const topic = await newTopic(6);
    const group = uniqueName('group');
    const [keys, rounds] = [100, 60];
    const record = new Record();
    const handle = async (delivery: Delivery): Promise<void> => {
      await ticks(3)();
      record.handled(delivery);
    };
    const publisher = await connected();
    const publishing = (async () => {
      for (let round = 0; round < rounds; round++) {
        const batch = Array.from({ length: keys }, (_, key) =>
          message(topic, { key: `k${key}`, body: Buffer.from(`k${key}#${round}`) }),
        );
        for (const result of await publisher.connection.producer.send(batch)) if (result instanceof Error) throw result;
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    const [first, second] = [await connected(quick), await connected(quick)];
    const leaving = new TestSink(handle);
    const consumption = await first.consume(group, [topic, leaving]);
    await until('work has begun', () => record.counts.size > 500);
    await second.consume(group, [topic, new TestSink(handle)]);
    await until('they share', () => assigned(first) === 3 && assigned(second) === 3);
    await until('both work', () => record.counts.size > 2_500);
    // n.b. as a drain does it: what runs when a member closes comes again.
    await consumption.stop();
    await until('what runs has ended', () =>
      leaving.received.every(({ state }) => state !== 'queued' && state !== 'running'),
    );
    await first.connection.close();
    const third = await connected(quick);
    await third.consume(group, [topic, new TestSink(handle)]);
    await publishing;
    await until('all is handled', () => record.counts.size === keys * rounds);
    await Promise.all([second.connection.close(), third.connection.close()]);
    expect(record.twice).toEqual([]);
    expect(record.outOfOrder).toEqual([]);
    const offsets = await committed(group, topic);
    expect([...offsets.values()].reduce((sum, { offset }) => sum + offset, 0)).toBe(keys * rounds);
  });

  it('a partition that stays is neither read twice nor waits for its commit, where kafkajs reads all of it again', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      Array.from({ length: 40 }, (_, index) => ({ key: `k${index}`, value: `${index}`, partition: index % 2 })),
    );
    const latch = new Latch();
    // In flight on both partitions all the time: these run, so they stay with their handlers.
    const sink = new TestSink(() => latch.wait());
    const first = await connected({ ...quick, revokeWaitMs: 300 });
    await first.consume(group, [topic, sink]);
    await until('all are in flight', () => sink.received.length === 40);
    const other = new TestSink();
    const second = await connected({ ...quick, revokeWaitMs: 300 });
    await second.consume(group, [topic, other]);
    await until('they share', () => assigned(first) === 1 && assigned(second) === 1);
    await until('the other has all of its partition', () => other.done.length === 20);
    latch.open();
    await until('the first has ended what it kept', () => sink.done.length === 20);
    // What was taken from it is settled as a no-op.
    await until('nothing runs any more', () => sink.received.every(({ state }) => state !== 'running'));
    expect(sink.received).toHaveLength(40);
    expect(sink.received.filter(({ state }) => state === 'revoked')).toHaveLength(20);
    expect(new Set([...sink.doneIds, ...other.doneIds]).size).toBe(40);
    await until('all is committed', async () =>
      [...(await committed(group, topic)).values()].every(({ offset }) => offset === 20),
    );
  });

  it('wait for running handlers before a partition changes hands, so that nobody repeats their work', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      [0, 1].map((partition) => ({ key: `k${partition}`, value: `${partition}`, partition })),
    );
    const latch = new Latch();
    const sink = new TestSink(() => latch.wait());
    const first = await connected(quick);
    await first.consume(group, [topic, sink]);
    await until('both run', () => sink.received.length === 2);
    const other = new TestSink();
    const second = await connected(quick);
    const joining = second.consume(group, [topic, other]);
    const stateOf = () => withAdmin((admin) => admin.describeGroups([group]));
    await until('the group waits', async () => (await stateOf()).groups[0]?.state === 'PreparingRebalance');
    expect(assigned(second)).toBe(0);
    latch.open();
    await joining;
    await until('they share', () => assigned(first) === 1 && assigned(second) === 1);
    await foreignSend(
      topic,
      [0, 1].map((partition) => ({ key: `k${partition}`, value: `${partition} more`, partition })),
    );
    await until('the next ones are done', () => sink.done.length + other.done.length === 4);
    expect(sink.doneIds).toHaveLength(3);
    expect(other.doneIds).toHaveLength(1);
  });

  it('a late settlement of a partition that is lost does nothing, and does not move the offset of its new owner', async () => {
    const topic = await newTopic(1);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      Array.from({ length: 100 }, (_, index) => ({ key: `k${index}`, value: `${index}` })),
    );
    const sink = new TestSink(() => false);
    const first = await connected({ ...quick, revokeWaitMs: 100 });
    await first.consume(group, [topic, sink]);
    await until('all have come', () => sink.received.length === 100);
    // The new one is alone in knowing the group's partition once the first has died for the broker.
    const other = new TestSink(({ body }) => (Number(String(body)) >= 10 ? false : undefined));
    const second = await connected(quick);
    await second.consume(group, [topic, other]);
    if (assigned(first) === 1) await first.connection.close();
    await until('the new owner has begun', () => other.done.length === 10);
    await until('it has committed', async () => (await committed(group, topic)).get(0)?.offset === 10);
    expect(sink.received.map((delivery) => delivery.settle({ kind: 'ack' })).filter(Boolean)).toEqual([]);
    expect(other.received.find(({ offset }) => offset === '10')?.settle({ kind: 'ack' })).toBe(true);
    await until('the next commit is its own', async () => (await committed(group, topic)).get(0)?.offset !== 10);
    expect((await committed(group, topic)).get(0)?.offset).toBe(11);
  });

  it('a partition that was paused, left and comes back is read', async () => {
    const topic = await newTopic(2);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      Array.from({ length: 2_000 }, (_, index) => ({ key: `k${index}`, value: `${index}`, partition: index % 2 })),
    );
    const latch = new Latch();
    const sink = new TestSink(() => latch.wait(), 20);
    const first = await connected({ ...quick, revokeWaitMs: 100 });
    await first.consume(group, [topic, sink, { maxInFlight: 20 }]);
    await until('it is full', () => sink.received.length >= 20);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const other = new TestSink(({ body }) => (Number(String(body)) >= 500 ? false : undefined));
    const second = await connected(quick);
    await second.consume(group, [topic, other, { maxInFlight: 20 }]);
    await until('they share', () => assigned(first) === 1 && assigned(second) === 1);
    await second.connection.close();
    latch.open();
    await until('the first has both again and ends them', async () => {
      const offsets = await committed(group, topic);
      return [...offsets.values()].every(({ offset }) => offset === 1_000);
    });
  });
});

describe('the assigner', () => {
  it('gives nobody a topic it did not ask for, and finds a topic that only a newer member knows', async () => {
    const [old, added] = [await newTopic(2), await newTopic(2)];
    const group = uniqueName('group');
    const [oldSink, newOldSink, addedSink] = [new TestSink(), new TestSink(), new TestSink()];
    const before = await connected(quick);
    await before.consume(group, [old, oldSink]);
    const after = await connected(quick);
    await after.consume(group, [old, newOldSink], [added, addedSink]);
    await foreignSend(
      added,
      [0, 1].map((partition) => ({ value: `${partition}`, partition })),
    );
    await foreignSend(
      old,
      [0, 1].map((partition) => ({ value: `${partition}`, partition })),
    );
    await until('the added topic is read', () => addedSink.done.length === 2);
    await until('the old one too', () => oldSink.done.length + newOldSink.done.length === 2);
    expect(before.heard('partition:assigned').every(({ topic }) => topic === old)).toBe(true);
    expect(oldSink.done.length).toBe(2);
  });

  it('reads partitions that are added while it consumes', async () => {
    const topic = await newTopic(1);
    const sink = new TestSink();
    const side = await connected({ ...quick, metadataMaxAgeMs: 1_000 });
    await side.consume(uniqueName('group'), [topic, sink]);
    await grow(topic, 4);
    await foreignSend(
      topic,
      [0, 1, 2, 3].map((partition) => ({ value: `${partition}`, partition })),
    );
    await until('all are read', () => sink.done.length >= 4);
    expect(sink.done.map(({ body }) => String(body)).sort()).toEqual(['0', '1', '2', '3']);
    expect(side.heard('partition:revoked')).toEqual([]);
  });
});

describe('a member that was thrown out', () => {
  it('comes back by itself and goes on, and what it had in flight is not settled for others', async () => {
    const topic = await newTopic(1);
    const group = uniqueName('group');
    await foreignSend(
      topic,
      Array.from({ length: 30 }, (_, index) => ({ key: `k${index}`, value: `${index}` })),
    );
    const sink = new TestSink();
    const side = await connected(quick);
    await side.consume(group, [topic, sink]);
    await until('all are done', () => sink.done.length === 30);
    // A blocked event loop: no heartbeat for longer than the session.
    for (const until = Date.now() + 7_000; Date.now() < until;);
    await foreignSend(topic, [{ key: 'k', value: 'after' }]);
    await until('it reads again', () => sink.done.length === 31);
    expect(sink.received).toHaveLength(31);
    await until('it commits again', async () => (await committed(group, topic)).get(0)?.offset === 31);
  });
});
