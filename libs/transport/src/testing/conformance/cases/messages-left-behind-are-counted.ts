import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { ACK, type Consumption, type DeliverySink, type Subscription } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const MESSAGES = 5;
const POLL_MS = 20;

export const messagesLeftBehindAreCounted: ConformanceCase = {
  name: 'messages-left-behind-are-counted',
  title: 'counts messages that a consumption leaves on the broker as waiting, and none once all are delivered',
  async run(stage) {
    const application = await stage.open();
    await application.connection.ensureTopics([stage.topic], 'subscribe');
    const delivered: string[] = [];
    const consume = (): Promise<Consumption> =>
      application.connection.consume([{ subscription: subscriptionOf(stage), sink: settling(stage, delivered) }]);
    const consumption = await consume();
    try {
      // A driver whose broker cannot be asked has no such method.
      if (consumption.waiting === undefined) return;
      await application.publishNumbers(MESSAGES);
      await stage.until('all are delivered', () => delivered.length >= MESSAGES);
      await untilWaiting(stage, consumption, 0);
      await consumption.stop();
      await application.publishNumbers(MESSAGES);
      await untilWaiting(stage, consumption, MESSAGES);
    } finally {
      await consumption.close();
    }
    const next = await consume();
    await stage.until('the next member has all of them', () => delivered.length >= 2 * MESSAGES);
    await untilWaiting(stage, next, 0);
    await next.close();
  },
};

function subscriptionOf({ topic, group, broker: { capabilities } }: Stage): Subscription {
  const startFrom = capabilities.startFromBeginning === 'unsupported' ? 'new' : 'beginning';
  const ordering = capabilities.orderByKey === 'unsupported' ? 'none' : 'key';
  return { topic, group, delivery: 'group', startFrom, ordering, concurrency: 1, maxInFlight: 100 };
}

const settling = ({ watch }: Stage, delivered: string[]): DeliverySink => ({
  receive: (deliveries) => {
    for (const delivery of deliveries) if (delivery.settle(ACK)) delivered.push(delivery.id);
    watch.changed();
  },
  revoked: () => undefined,
});

/** The broker may take a moment to count what it has just stored or delivered; undefined means not known now. */
async function untilWaiting({ options: { deadlineMs } }: Stage, consumption: Consumption, count: number) {
  for (const deadline = performance.now() + deadlineMs; ; await pause(POLL_MS)) {
    const [waiting] = (await consumption.waiting?.()) ?? [];
    if (waiting === count || waiting === undefined) return;
    const seen = `${count} messages wait on the broker, and the consumption says ${waiting} after ${deadlineMs} ms`;
    assert.ok(performance.now() < deadline, seen);
  }
}
