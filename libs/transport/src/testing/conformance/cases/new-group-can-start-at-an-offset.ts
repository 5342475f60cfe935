import assert from 'node:assert/strict';
import type { StartOffset } from '../../../contract/index.js';
import type { Application, Received } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const MESSAGES = 20;
const FAR = 1_000_000;

export const newGroupCanStartAtAnOffset: ConformanceCase = {
  name: 'new-group-can-start-at-an-offset',
  title: 'gives a group that starts at an offset that message and what follows, tells an offset that is not there',
  capability: 'startFromOffset',
  ask: (stage) => stage.subscribe({ startFrom: startAt(stage, new Map([[0, 0]])) }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    const reader = await stage.subscribe({ group: `${stage.group}-reader` });
    await reader.untilSettled(MESSAGES);
    const middles = middleOffsets(reader.received);
    const startFrom = startAt(stage, middles);
    const expected = numbersOf(
      reader.received.filter((each) => offsetOf(each) >= (middles.get(partitionOf(each)) ?? 0)),
    );

    const subscriber = await stage.subscribe({ startFrom });
    await subscriber.untilSettled(expected.length);
    assert.deepEqual(
      numbersOf(subscriber.received),
      expected,
      'the message at the offset is the first of its partition',
    );
    await subscriber.close();
    await publisher.publish(stage.topic, { n: MESSAGES });
    const again = await stage.subscribe({ startFrom });
    await again.untilSettled(1);
    assert.deepEqual(again.numbers, [MESSAGES], 'a group that has a place keeps it, whatever offset is named');
    if (stage.broker.capabilities.everyInstance !== 'unsupported') await assertReplayed(reader, startFrom, middles);
    await assertTold(stage, middles);
  },
};

/** A replay gives what is named, and nothing of the partitions that are not. */
async function assertReplayed(reader: Application, from: StartOffset, middles: ReadonlyMap<number, number>) {
  await reader.untilSettled(MESSAGES + 1);
  const before = [...reader.received];
  const { messages } = (await reader.consumer.control(before[0]?.topic ?? '')?.replay({ from })) ?? {};
  const named = before.filter((each) => offsetOf(each) >= (middles.get(partitionOf(each)) ?? Number.POSITIVE_INFINITY));
  assert.equal(messages, named.length);
  assert.deepEqual(numbersOf(reader.received.slice(before.length)), numbersOf(named), 'a replay gives what is named');
}

/** Past the end there is nothing to give but what comes next; whoever asked for it is told. */
async function assertTold(stage: Stage, middles: ReadonlyMap<number, number>): Promise<void> {
  const beyond = new Map([...middles.keys()].map((partition) => [partition, FAR]));
  const subscriber = await stage.subscribe({ group: `${stage.group}-beyond`, startFrom: startAt(stage, beyond) });
  const [told] = subscriber.noticesOf('subscription:warned');
  assert.match(told?.warning ?? 'nothing is told', new RegExp(`offset ${FAR}`));
}

/** One partition, where there are several, is left out: it is read from its beginning. */
function middleOffsets(received: readonly Received[]): Map<number, number> {
  const offsets = new Map<number, number[]>();
  for (const each of received)
    offsets.set(partitionOf(each), [...(offsets.get(partitionOf(each)) ?? []), offsetOf(each)]);
  const [, ...named] = [...offsets].sort(([a], [b]) => a - b);
  const chosen = named.length === 0 ? [...offsets] : named;
  return new Map(chosen.map(([partition, all]) => [partition, all.sort((a, b) => a - b)[all.length >> 1] ?? 0]));
}

function startAt({ broker }: Stage, offsets: ReadonlyMap<number, number>): StartOffset {
  const texts = Object.fromEntries([...offsets].map(([partition, offset]) => [partition, String(offset)]));
  return broker.capabilities.partitions === 'unsupported' ? { offset: texts[0] ?? '0' } : { offsets: texts };
}

const partitionOf = ({ partition = 0 }: Received): number => partition;
const offsetOf = ({ delivery }: Received): number => Number(delivery.offset);
const numbersOf = (received: readonly Received[]): number[] =>
  received.map(({ payload }) => (payload as { n: number }).n).sort((a, b) => a - b);
