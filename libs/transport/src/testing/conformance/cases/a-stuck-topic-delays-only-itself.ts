import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TransportError } from '../../../contract/index.js';
import type { Application } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const MESSAGES = 20;
const PUBLISH_TIMEOUT_MS = 1_500;
const TIMED_OUT = [
  ['TRANSPORT_PUBLISH_TIMEOUT', 'unknown'],
  ['TRANSPORT_PUBLISH_TIMEOUT', 'no'],
];

export const aStuckTopicDelaysOnlyItself: ConformanceCase = {
  name: 'a-stuck-topic-delays-only-itself',
  title: 'confirms publishes to other topics while one topic does not answer, and ends those to it at publishTimeoutMs',
  async run(stage) {
    const stuck = stage.newTopic();
    const publishing = { publishTimeoutMs: PUBLISH_TIMEOUT_MS };
    const publisher = await stage.open({ publishesTo: [stage.topic, stuck], publishing });
    const release = stall(stage, stuck);
    try {
      await othersGoOn(stage, publisher, stuck);
    } finally {
      release();
    }
    await stage.watch.within('the topic is published to again', publisher.publish(stuck, { n: -3 }));
  },
};

async function othersGoOn(stage: Stage, publisher: Application, stuck: string): Promise<void> {
  let answered = 0;
  const publish = async (n: number): Promise<unknown> => {
    const error: unknown = await publisher.publish(stuck, { n }).catch((reason: unknown) => reason);
    answered++;
    return error;
  };
  const underWay = publish(-1);
  await nextTurn();
  const waiting = publish(-2);
  const publishOthers = async (): Promise<void> => {
    await stage.watch.within('publishes to another topic are confirmed', publisher.publishNumbers(MESSAGES));
    assert.equal(answered, 0, 'they are confirmed while the other topic is stuck');
  };
  const subscriber = await stage.published(publishOthers, () => stage.subscribe());
  const errors = await stage.watch.within('the publishes to the stuck topic end', Promise.all([underWay, waiting]));
  assert.deepEqual(errors.map(toldOf), TIMED_OUT, 'what was sent may be stored, what waited behind it is not');
  await subscriber.untilSettled(MESSAGES);
}

const toldOf = (error: unknown): unknown => (error instanceof TransportError ? [error.code, error.stored] : error);

function stall(stage: Stage, topic: string): () => void {
  if (stage.options.stall !== undefined) return stage.options.stall(topic);
  const held = stage.faults.hold(topic);
  return () => held.release();
}
