import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConformanceCase } from '../conformance-case.js';
import { openStalling } from '../stalling.js';

const MESSAGES = 5;
/** Between the parts, so that no rounding of clocks moves a message over a border. */
const GAP_MS = 50;

export const aWindowCanBeReplayed: ConformanceCase = {
  name: 'a-window-can-be-replayed',
  title: 'replays the messages of a time window to a handler, and leaves the position of its group unchanged',
  capability: 'startFromTime',
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await openStalling(stage, [{}]);
    const moments: Date[] = [];
    for (let part = 0; part < 3; part++) {
      for (let n = 0; n < MESSAGES; n++) await publisher.publish(stage.topic, { n: part * MESSAGES + n });
      await pause(GAP_MS);
      moments.push(new Date());
      await pause(GAP_MS);
    }
    await subscriber.untilSettled(3 * MESSAGES);
    const [from, until] = moments as [Date, Date];
    const control = subscriber.consumer.control(stage.topic);
    assert.ok(control, 'the subscription is known');
    const report = await stage.watch.within('the replay ends', control.replay({ from, until }));

    assert.equal(report.messages, MESSAGES, 'the replay reads its window to the end, also while the broker stalls');
    const again = subscriber.numbers.slice(3 * MESSAGES).sort((a, b) => a - b);
    assert.deepEqual(again, [5, 6, 7, 8, 9], 'the handler gets the second part again, and nothing else');
    await publisher.publish(stage.topic, { n: 15 });
    await stage.until('what comes next is handled', () => subscriber.received.length >= 4 * MESSAGES + 1);
    assert.equal(subscriber.received.length, 4 * MESSAGES + 1, 'the live group goes on where it was');
  },
};
