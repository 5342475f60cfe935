import assert from 'node:assert/strict';
import { ACK, type Delivery } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const settlingLateOrTwiceDoesNothing: ConformanceCase = {
  name: 'settling-late-or-twice-does-nothing',
  title: 'settles a message once: a second or late settlement answers false, is noticed, and changes nothing',
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.published(
      () => publisher.publishNumbers(3, () => 'a'),
      () =>
        stage.subscribe({
          handle: (payload, delivery) => {
            // A handler that settles by itself, past its runner: the runner's own settlement is then the second one.
            if ((payload as { n: number }).n === 1) assert.equal(delivery.settle(ACK), true);
          },
        }),
    );
    const ignored = (): number => subscriber.noticesOf('settlement:ignored').length;
    await stage.until('all three have ended', () => subscriber.settled + ignored() === 3);
    assert.equal(ignored(), 1, 'the second settlement is noticed');

    const settled = subscriber.received.map(({ delivery }) => delivery);
    assert.deepEqual(settled.map(settleAgain), [false, false, false], 'settling again answers false');
    await subscriber.close();
    assert.deepEqual(settled.map(settleAgain), [false, false, false], 'so it does after the end');

    const next = await stage.published(
      () => publisher.publish(stage.topic, { n: 3 }, { key: 'a' }),
      () => stage.subscribe(),
    );
    await next.untilSettled(1);
    assert.deepEqual(next.numbers, [3], 'a nack that came too late brings nothing back');
  },
};

function settleAgain(delivery: Delivery): boolean {
  return delivery.settle({ kind: 'nack', delayMs: 0 });
}
