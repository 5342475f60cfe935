import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 10;
/** Between the two halves, so that no rounding of clocks moves a message over the border. */
const GAP_MS = 50;

export const newGroupCanStartAtAMoment: ConformanceCase = {
  name: 'new-group-can-start-at-a-moment',
  title: 'gives a group that starts at a moment what was stored since, keeps its place from then on, and nothing older',
  capability: 'startFromTime',
  ask: (stage) => stage.subscribe({ startFrom: new Date() }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    await pause(GAP_MS);
    const moment = new Date();
    await pause(GAP_MS);
    const newer = Array.from({ length: MESSAGES }, (_, n) => n + MESSAGES);
    for (const n of newer) await publisher.publish(stage.topic, { n }, { key: `${n}` });

    const subscriber = await stage.subscribe({ startFrom: moment });
    await subscriber.untilSettled(MESSAGES);
    assert.deepEqual(
      [...subscriber.numbers].sort((a, b) => a - b),
      newer,
    );
    await subscriber.close();

    await publisher.publish(stage.topic, { n: 2 * MESSAGES });
    const again = await stage.subscribe({ startFrom: new Date(0) });
    await again.untilSettled(1);
    assert.deepEqual(again.numbers, [2 * MESSAGES], 'a group that has a place keeps it, whatever moment is named');
  },
};
