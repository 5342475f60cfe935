import assert from 'node:assert/strict';
import { DeadLetter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const deadLetterThatCannotBeStored: ConformanceCase = {
  name: 'dead-letter-that-cannot-be-stored',
  title:
    'keeps the original unsettled and says so while its dead letter cannot be stored, and stores it once that is healed',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    const heal = stage.faults.refuse(stage.deadLetterTopic);
    const subscriber = await stage.subscribe({
      handle: (payload) => {
        if ((payload as { n: number }).n === 0) throw new DeadLetter('as planned');
      },
    });
    await publisher.publishNumbers(3, (n) => `${n}`);
    const told = () => subscriber.noticesOf('message:dead-letter-failed');
    await stage.until(
      'the failure is told, and the neighbours are settled',
      () => told().length > 0 && subscriber.settled === 2,
    );
    assert.equal(told()[0]?.error.code, 'TRANSPORT_DEAD_LETTER_FAILED');
    assert.equal(told()[0]?.deadLetterTopic, stage.deadLetterTopic);
    const original = stage.intake.deliveries.find(({ id }) => id === told()[0]?.id);
    assert.notEqual(original?.state, 'settled', 'the original stays unsettled');

    // It survives the end of the process, and a driver that had settled it in secret is found out here.
    await subscriber.close(0);
    heal();
    const second = await stage.subscribe({
      handle: () => {
        throw new DeadLetter('as planned');
      },
    });
    await second.untilSettled(1);
    const reader = await stage.readDeadLetters();
    await reader.untilSettled(1);
    assert.equal(reader.received[0]?.id, told()[0]?.id, 'the dead letter arrives once it can be stored');
    assert.equal(reader.received.length, 1, 'and arrives once');
  },
};
