import { setTimeout as pause } from 'node:timers/promises';
import { closeAll, connected, manyMessages, message, TestSink, uniqueName, until } from './support.js';

afterEach(closeAll);

const member = () => connected({ singleActiveConsumer: true, ackWaitMs: 1_000 });

/** Two members of a group; the first is the active one. */
async function twoMembers(first: TestSink, second: TestSink, maxInFlight: number) {
  const topic = uniqueName('single');
  const [one, other] = [await member(), await member()];
  await one.connection.ensureTopics([topic], 'publish');
  const consumption = await one.consume(topic, 'single', first, { maxInFlight });
  await one.send(...manyMessages(1, topic, { key: 'a' }));
  await until('the first is the active one', () => first.received.length === 1);
  await other.consume(topic, 'single', second, { maxInFlight });
  return { topic, one, other, consumption };
}

describe('the one active member of a group', () => {
  it('stays it while its handlers are slow, although it asks for nothing for longer than the server waits', async () => {
    const first = new TestSink(() => pause(4_000));
    const second = new TestSink();
    const { topic, other } = await twoMembers(first, second, 1);
    await other.send(...manyMessages(2, topic, { key: 'a' }));
    await until('all are handled', () => first.done.length === 3);
    expect(second.received).toEqual([]);
  }, 60_000);

  it('stays it while it has nothing to do, and when a member that stands by leaves', async () => {
    const [first, second] = [new TestSink(), new TestSink()];
    const { topic, one, other } = await twoMembers(first, second, 16);
    await pause(4_000);
    await other.connection.close();
    const third = new TestSink();
    await (await member()).consume(topic, 'single', third, { maxInFlight: 16 });
    await one.send(...manyMessages(10, topic));
    await until('all are handled', () => first.done.length === 11);
    expect([second.received, third.received]).toEqual([[], []]);
  }, 60_000);

  it('keeps the others waiting while it drains, and is followed at once when it has closed', async () => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const first = new TestSink(() => finished);
    const second = new TestSink();
    const { topic, other, consumption } = await twoMembers(first, second, 16);
    await consumption.stop();
    await other.send(...manyMessages(10, topic, { key: 'a' }));
    await pause(3_500);
    expect(second.received).toEqual([]);
    finish();
    await until('what ran is settled', () => first.done.length === 1);
    await consumption.close();
    await until('the other has followed', () => second.done.length === 10, 1_500);
    expect(second.done.map(({ offset }) => Number(offset))).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  }, 60_000);
});

describe('singleActiveConsumer in a rolling deployment', () => {
  it.each([
    ['switched on', false],
    ['switched off', true],
  ])(
    'that is %s loses nothing, and members of both versions stay up',
    async (_, before) => {
      const topic = uniqueName('rolling');
      const [old, oldSink, sink] = [
        await connected({ singleActiveConsumer: before, ackWaitMs: 2_000 }),
        new TestSink(),
        new TestSink(),
      ];
      await old.connection.ensureTopics([topic], 'publish');
      await old.consume(topic, 'group', oldSink);
      const young = await connected({ singleActiveConsumer: !before, ackWaitMs: 2_000 });
      await young.consume(topic, 'group', sink);
      for (let n = 0; n < 20; n++) {
        await young.send(message(topic));
        await pause(50);
      }
      await until('all are handled', () => oldSink.done.length + sink.done.length === 20);
      await pause(6_000);
      await old.connection.close();
      await young.send(...manyMessages(5, topic));
      await until('the rest is handled', () => oldSink.done.length + sink.done.length === 25);
      expect([young.connection.health().status, young.heard('subscription:crashed')]).toEqual(['up', []]);
      expect(old.heard('subscription:crashed')).toEqual([]);
    },
    60_000,
  );
});
