import assert from 'node:assert/strict';
import { DeadLetter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const deadLetterIsConfirmedFirst: ConformanceCase = {
  name: 'dead-letter-is-confirmed-first',
  title: 'settles the original only when the broker has confirmed its dead letter',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    const held = stage.faults.hold(stage.deadLetterTopic);
    const subscriber = await stage.subscribe({
      handle: () => {
        throw new DeadLetter('as planned');
      },
    });
    await publisher.publish(stage.topic, { n: 0 }, { id: 'poison' });
    await stage.watch.within('the dead letter is sent', held.reached);
    assert.equal(stage.intake.deliveries.length, 1);
    assert.notEqual(stage.intake.deliveries[0]?.state, 'settled', 'the original waits for the confirmation');
    assert.equal(subscriber.settled, 0, 'nothing is said to be settled');

    // The process ends before the confirmation: the message is not lost.
    await subscriber.close(0);
    const second = await stage.subscribe();
    await second.untilSettled(1);
    assert.equal(second.received[0]?.id, 'poison', 'the original is delivered again');
    held.release();
  },
};
