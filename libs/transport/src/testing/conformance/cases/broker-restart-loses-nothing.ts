import type { ConformanceCase } from '../conformance-case.js';
import type { Application } from '../application.js';

const MESSAGES = 300;
const KEYS = 10;

export const brokerRestartLosesNothing: ConformanceCase = {
  name: 'broker-restart-loses-nothing',
  title: 'loses nothing that was confirmed when the broker is killed and comes back, and goes on by itself',
  capability: 'durability',
  on: 'restartable',
  async run(stage) {
    const lateGroup = `${stage.group}-late`;
    const publisher = await stage.open({ groups: [stage.group, lateGroup] });
    const subscriber = await stage.subscribe();
    const publishing = publishOneByOne(publisher, stage.topic);
    await subscriber.untilSettled(MESSAGES / 3);
    const restarted = stage.restartable.restart();
    // An application that starts during the outage waits for the broker, and then works like the others.
    const late = stage.prepare({ subscriptions: [{ group: lateGroup }], publishesTo: [] });
    const lateStarted = late.start();
    await restarted;
    await publishing;
    await lateStarted;

    await publisher.publish(stage.topic, { n: MESSAGES }, { key: 'after' });
    await late.untilReceived(1);
    await stage.untilNothingIsOwed();
    stage.history.assertNoPhantom();
    stage.assertOrderPerKey();
    // A driver may have several connections, which reconnect one after the other.
    await stage.until('the health is good again', () => publisher.connection.health().status === 'up');
  },
};

/** Awaits each: the next message of a key must not overtake one whose publish failed. */
async function publishOneByOne(publisher: Application, topic: string): Promise<void> {
  for (let n = 0; n < MESSAGES; n++) {
    await publisher.publish(topic, { n }, { key: `${n % KEYS}` }).catch(() => undefined);
  }
}
