import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';
import { openStalling } from '../stalling.js';

export const deadLettersCanBeWorkedWith: ConformanceCase = {
  name: 'dead-letters-can-be-worked-with',
  title:
    'shows dead letters as often as it is asked, sends back each once with id, key and headers, and throws away what it is told',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const { deadLetterTopic } = stage;
    let isCured = false;
    const handle = (): void => {
      if (!isCured) throw new RangeError('shelf 7 is full');
    };
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({ handle, retry: { maxAttempts: 1 } });
    const ids = ['a', 'b', 'c'].map((letter) => `${stage.topic}-${letter}`);
    for (const id of ids) {
      await publisher.publish(stage.topic, { id }, { id, key: id, headers: { 'tenant-id': 'acme' } });
    }
    await subscriber.untilSettled(3);
    const [a, b, c] = ids as [string, string, string];

    const admin = publisher.deadLetters;
    const idsLeft = async (): Promise<string[]> => (await admin.list(deadLetterTopic)).map(({ id }) => id).sort();
    assert.deepEqual(await idsLeft(), [a, b, c], 'all dead letters are shown');
    const [count] = await admin.count(deadLetterTopic);
    assert.deepEqual(
      [count?.fingerprint, count?.count],
      ['RangeError: shelf <number> is full', 3],
      'what was looked at only stays, and is counted by its cause',
    );
    const { deadLetters: stalled } = await openStalling(stage, []);
    const shown = (await stalled.list(deadLetterTopic)).length;
    assert.equal(shown, ids.length, 'all dead letters are shown, also while the broker stalls');

    isCured = true;
    const handled = subscriber.received.length;
    assert.deepEqual((await admin.replay(deadLetterTopic, { ids: [a], dryRun: true })).done, [a]);
    assert.deepEqual((await admin.replay(deadLetterTopic, { ids: [a] })).done, [a]);
    await subscriber.untilReceived(handled + 1);
    const back = subscriber.received[handled];
    assert.deepEqual([back?.id, back?.key, back?.headers['tenant-id']], [a, a, 'acme'], 'the original comes back');
    assert.equal(back?.headers['dead-letter-topic'], undefined, 'and does not look like a dead letter');

    assert.deepEqual((await admin.discard(deadLetterTopic, { ids: [b] })).done, [b]);
    assert.deepEqual(await idsLeft(), [c], 'what was sent back or thrown away is not shown again');
    assert.equal(subscriber.received.length, handled + 1, 'a dry run sends nothing, a replay one');
  },
};
