import type { Delivery } from 'nest-transport';
import { closeAll, connected, manyMessages, TestSink, type Side, uniqueName, until } from './support.js';

afterEach(closeAll);

const MESSAGES = 3_000;
/** n.b. the server is caught in the middle in one of 10 to 50 times. */
const MEMBERS = 100;
const MAX_IN_FLIGHT = 64;
/** Settled by a member before it closes: it has just asked for a handful more then. */
const SETTLED = MAX_IN_FLIGHT / 4;

/** Settles some one after the other, and closes while the server begins to send what it was asked for then. */
async function closeInTheFlood(side: Side, topic: string): Promise<readonly Delivery[]> {
  let begun = 0;
  let enough = (): void => undefined;
  const hasEnough = new Promise<void>((resolve) => (enough = resolve));
  const sink = new TestSink(
    () => {
      if (begun++ < SETTLED) return undefined;
      enough();
      return false;
    },
    { concurrency: 1, maxInFlight: 10_000 },
  );
  const consumption = await side.consume(topic, 'flooded', sink, { maxInFlight: MAX_IN_FLIGHT });
  await hasEnough;
  await consumption.stop();
  await consumption.close();
  return sink.done;
}

describe('a member that closes in the middle of a flood', () => {
  it.each([
    ['of a group', false],
    ['that is the single active one', true],
  ])('%s gives back in order what has a key, what the server had sent to nobody included', async (_, isSingle) => {
    const topic = uniqueName('flood');
    const side = await connected({ ackWaitMs: 60_000, singleActiveConsumer: isSingle });
    await side.connection.ensureTopics([topic], 'publish');
    await side.send(...manyMessages(MESSAGES, topic, { key: 'a' }));
    const done: Delivery[] = [];
    for (let member = 0; member < MEMBERS; member++) done.push(...(await closeInTheFlood(side, topic)));
    const last = new TestSink();
    await side.consume(topic, 'flooded', last);
    await until('all have come', () => done.length + last.done.length === MESSAGES);
    const offsets = [...done, ...last.done].map(({ offset }) => Number(offset));
    expect(offsets.filter((offset, index) => offset !== index + 1)).toEqual([]);
  });
});
