import assert from 'node:assert/strict';
import type { ConformancePromise } from '../promise.js';
import type { Application } from '../application.js';
import type { Stage } from '../stage.js';

const MESSAGES = 300;
const KEYS = 10;

export const brokerRestartLosesNothing: ConformancePromise = {
  name: 'broker-restart-loses-nothing',
  title: 'loses nothing that was confirmed when the broker is killed and comes back, and goes on by itself',
  capability: 'durability',
  on: 'restartable',
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe();
    const publishing = publishOneByOne(stage, publisher);
    await subscriber.untilSettled(MESSAGES / 3);
    const restarted = stage.restartable.restart();
    // An application that starts during the outage waits for the broker, and then works like the others.
    const late = stage.prepare({ subscriptions: [{ group: `${stage.group}-late` }], publishesTo: [] });
    const lateStarted = late.start();
    await restarted;
    const failed = await publishing;
    await lateStarted;

    await publisher.publish(stage.topic, { n: MESSAGES }, { key: 'after' });
    const confirmed = MESSAGES + 1 - failed;
    await stage.until(
      'everything confirmed is settled',
      () => distinct(subscriber) >= confirmed && distinct(late) >= confirmed,
    );
    stage.history.assertNothingLost();
    stage.history.assertNoPhantom();
    stage.history.assertOrderPerKey();
    assert.equal(publisher.connection.health().status, 'up', 'the health is good again');
  },
};

/** Awaits each: the next message of a key must not overtake one whose publish failed. Returns how many failed. */
async function publishOneByOne(stage: Stage, publisher: Application): Promise<number> {
  let failed = 0;
  for (let n = 0; n < MESSAGES; n++) {
    await publisher.publish(stage.topic, { n }, { key: `${n % KEYS}` }).catch(() => failed++);
  }
  return failed;
}

const distinct = ({ numbers }: Application): number => new Set(numbers).size;
