import assert from 'node:assert/strict';
import { TransportError } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const publishFailuresSurface: ConformanceCase = {
  name: 'publish-failures-surface',
  title: 'rejects a publish that failed, telling "not stored" from "unknown", and hurts no neighbour',
  async run(stage) {
    const [refused, unconfirmed, busy] = [stage.newTopic(), stage.newTopic(), stage.newTopic()];
    const publisher = await stage.open({ publishesTo: [stage.topic, refused, unconfirmed, busy] });
    const heal = [stage.faults.refuse(refused), stage.faults.loseConfirmations(unconfirmed)];
    const settle = stage.faults.refuseForNow(busy);
    const patient = publisher.publish(busy, { n: 4 });
    const [stored, no, unknown] = await Promise.allSettled([
      publisher.publish(stage.topic, { n: 0 }),
      publisher.publish(refused, { n: 1 }),
      publisher.publish(unconfirmed, { n: 2 }),
    ]);
    assert.equal(stored.status, 'fulfilled', 'a neighbour of failed messages is stored');
    assert.ok(no.status === 'rejected' && unknown.status === 'rejected', 'both failures are told');
    assert.deepEqual([no.reason.code, no.reason.stored], ['TRANSPORT_PUBLISH_FAILED', 'no']);
    assert.deepEqual([unknown.reason.code, unknown.reason.stored], ['TRANSPORT_PUBLISH_UNKNOWN', 'unknown']);
    assert.ok(publisher.noticesOf('publish:failed').length > 0, 'failures are noticed');
    settle();
    await stage.watch.within('what the broker refused for now is stored later', patient);
    heal.forEach((end) => end());
    await publisher.publish(refused, { n: 3 });

    // And the driver's own failure: a producer whose connection is gone.
    await publisher.connection.close();
    const message = {
      topic: stage.topic,
      key: undefined,
      body: Buffer.from('{}'),
      headers: undefined,
      partition: undefined,
    };
    const results = await stage.watch.within(
      'a closed producer answers',
      publisher.connection.producer.send([
        { ...message, id: 'late 1' },
        { ...message, id: 'late 2' },
      ]),
    );
    assert.equal(results.length, 2, 'a producer gives one result per message');
    const errors = results.filter((result) => result instanceof TransportError);
    assert.equal(errors.length, 2, 'a producer that is closed tells so for each message, and never a receipt');
    assert.ok(
      errors.every((error) => error.stored !== undefined),
      'and says what is known about them',
    );
  },
};
