import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 200;
const CONCURRENCY = 4;
const MAX_IN_FLIGHT = 10;

export const inFlightIsBounded: ConformanceCase = {
  name: 'in-flight-is-bounded',
  title: 'runs at most `concurrency` handlers, receives at most `maxInFlight` messages, and delivers none while paused',
  async run(stage) {
    const fastGroup = `${stage.group}-fast`;
    const publisher = await stage.open({ groups: [stage.group, fastGroup] });
    const slow = stage.gate();
    let mostRunning = 0;
    let mostInFlight = 0;
    const subscriber = stage.prepare({
      subscriptions: [{ concurrency: CONCURRENCY, maxInFlight: MAX_IN_FLIGHT, handle: () => (look(), slow.opened) }],
      publishesTo: [],
    });
    const look = (): void => {
      mostRunning = Math.max(mostRunning, subscriber.running);
      mostInFlight = Math.max(mostInFlight, subscriber.consumer.inFlight);
    };
    // A second group runs through all of the topic meanwhile: a driver that ignores the bound has time to show it.
    const fast = await stage.published(
      () => publisher.publishNumbers(MESSAGES, (n) => `${n}`),
      async () => {
        await subscriber.start();
        return stage.subscribe({ group: fastGroup });
      },
    );
    await subscriber.untilReceived(CONCURRENCY);
    await fast.untilSettled(MESSAGES);
    look();
    assert.equal(subscriber.running, CONCURRENCY, `${CONCURRENCY} handlers run while all of them are slow`);
    slow.open();
    await subscriber.untilSettled(MESSAGES);

    assert.ok(mostRunning <= CONCURRENCY, `${mostRunning} handlers ran at once, concurrency is ${CONCURRENCY}`);
    assert.ok(mostInFlight <= MAX_IN_FLIGHT, `${mostInFlight} were in flight, maxInFlight is ${MAX_IN_FLIGHT}`);
    assert.equal(stage.intake.unasked.length, 0, `${stage.intake.unasked.length} were handed over while told to wait`);
    assert.equal(subscriber.consumer.inFlight, 0, 'nothing is in flight when everything is settled');
    stage.history.assertNothingLost();
  },
};
