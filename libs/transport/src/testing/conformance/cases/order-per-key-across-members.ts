import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { Handler } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const MESSAGES = 300;
const KEYS = 12;
/** As long as a second member has to do it wrong. */
const JOIN_MS = 300;

export const orderPerKeyAcrossMembers: ConformanceCase = {
  name: 'order-per-key-across-members',
  title: 'keeps the order of keys while members join, leave, and are torn away with handlers that never end',
  capability: 'orderAcrossMembers',
  async run(stage) {
    const publisher = await stage.publisher();
    const stuck = stage.gate();
    const first = await stage.subscribe();
    const torn = await stage.subscribe({
      handle: (payload) => ((payload as { n: number }).n > MESSAGES / 6 ? stuck.opened : undefined),
    });
    for (let third = 0; third < 3; third++) {
      await publisher.publishNumbers(MESSAGES / 3, (n) => `${n % KEYS}`);
      if (third === 0) await stage.until('some messages are settled', () => first.settled + torn.settled > 20);
      if (third === 1) await torn.close(0);
    }
    const second = await stage.subscribe();
    await first.close();
    await stage.untilNothingIsOwed();
    await second.close();

    stage.history.assertOrderPerKey();
    await assertNeverWithTwo(stage);
  },
};

/** A second member joins while handlers of the first run: what follows in their keys waits for them. */
async function assertNeverWithTwo(stage: Stage): Promise<void> {
  const topic = stage.newTopic();
  const publisher = await stage.open({ publishesTo: [topic] });
  const gate = stage.gate();
  const running = new Set<string>();
  const together: string[] = [];
  const handle: Handler = async (_, { key = '' }) => {
    if (running.has(key)) together.push(key);
    running.add(key);
    await gate.opened;
    running.delete(key);
  };
  const subscriptions = [{ topic, handle }];
  const first = await stage.open({ subscriptions, publishesTo: [] });
  await publisher.publishNumbers(KEYS, String, topic);
  await first.untilReceived(KEYS);

  const second = stage.prepare({ subscriptions, publishesTo: [] });
  const joined = second.start();
  await Promise.race([joined, pause(JOIN_MS)]);
  await publisher.publishNumbers(KEYS, String, topic);
  await pause(JOIN_MS);
  gate.open();
  await stage.watch.within('a second member joins', joined);
  await stage.untilNothingIsOwed();
  assert.deepEqual(together, [], 'no key is with two members at once');
}
