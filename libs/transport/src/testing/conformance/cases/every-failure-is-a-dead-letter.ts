import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const ROUNDS = 3;

export const everyFailureIsADeadLetter: ConformanceCase = {
  name: 'every-failure-is-a-dead-letter',
  title: 'stores a dead letter again each time a replayed message fails, also where the broker detects duplicates',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const { deadLetterTopic } = stage;
    let isCured = false;
    const handle = (): void => {
      if (!isCured) throw new RangeError('as planned');
    };
    const publisher = await stage.publisher();
    const subscriber = await stage.subscribe({ handle, retry: { maxAttempts: 1 } });
    await publisher.publish(stage.topic, { n: 0 }, { id: 'poison', key: 'k' });
    const admin = publisher.deadLetters;
    for (let round = 1; round <= ROUNDS; round++) {
      const failed = (): boolean => subscriber.noticesOf('message:dead-lettered').length >= round;
      await stage.until(`the message fails ${round} times`, failed);
      const letters = (await admin.list(deadLetterTopic)).map(({ id, body }) => [id, body?.toString()]);
      assert.deepEqual(letters, [['poison', '{"n":0}']], `dead letter ${round} is stored`);
      isCured = round === ROUNDS;
      assert.deepEqual((await admin.replay(deadLetterTopic)).done, ['poison']);
    }
    await stage.until('the message is handled', () => subscriber.noticesOf('message:acked').length > 0);
    assert.deepEqual(await admin.list(deadLetterTopic), [], 'no dead letter is left');
  },
};
