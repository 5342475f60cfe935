import assert from 'node:assert/strict';
import { DEAD_LETTER_HEADERS } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import { QUICK_RETRY, alwaysFail } from '../retries.js';

const FORGED = { [DEAD_LETTER_HEADERS.attempts]: '999', [DEAD_LETTER_HEADERS.errorName]: 'Forged' };

export const deadLettersOnceWithHeaders: ConformanceCase = {
  name: 'dead-letters-once-with-headers',
  title: 'stores what keeps failing as a dead letter, once, with its bytes, id, key, headers and the reason',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    const body = Buffer.from('{"n":0}');
    const headers = { 'message-id': 'poison', 'tenant-id': 'acme', ...FORGED };
    await publisher.sendRaw({ id: 'poison', key: 'a', body, headers });
    const subscriber = await stage.subscribe({ retry: QUICK_RETRY, handle: alwaysFail });
    await subscriber.untilSettled(1);
    await subscriber.close();

    const reader = await stage.readDeadLetters();
    await reader.untilSettled(1);
    const [letter] = reader.received;
    assert.ok(letter);
    assert.deepEqual(letter.payload, body, 'the bytes are those of the original');
    assert.deepEqual([letter.id, letter.key], ['poison', 'a'], 'id and key are those of the original');
    assert.equal(letter.headers['tenant-id'], 'acme', 'the headers of the original are kept');
    assertReason(letter.headers, stage.topic, stage.group);

    // Settled for good: the group gets what comes next, and not this one again.
    await publisher.publish(stage.topic, { n: 1 });
    const again = await stage.subscribe();
    await again.untilSettled(1);
    assert.deepEqual(again.numbers, [1], 'a dead letter does not come back to its group');
    assert.equal(reader.received.length, 1, 'there is one dead letter');
  },
};

function assertReason(headers: Readonly<Record<string, string>>, topic: string, group: string): void {
  const value = (name: keyof typeof DEAD_LETTER_HEADERS): string | undefined => headers[DEAD_LETTER_HEADERS[name]];
  assert.equal(value('topic'), topic);
  assert.equal(value('group'), group);
  assert.equal(value('key'), 'a');
  assert.equal(value('attempts'), '5', 'the attempts are ours, not those a foreign message claims');
  assert.equal(value('errorName'), 'TypeError');
  assert.match(value('errorMessage') ?? '', /attempt 5 fails/);
  const [first, last] = [value('firstFailedAt'), value('lastFailedAt')].map((time) => Date.parse(time ?? ''));
  assert.ok(first !== undefined && last !== undefined && first <= last, `first failed ${first}, last failed ${last}`);
}
