import assert from 'node:assert/strict';
import { DEAD_LETTER_HEADERS, isTransportError, exactSize } from '../../../contract/index.js';
import type { Application } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';

/** Less than the headers of a failure, which are what makes a dead letter larger than its original. */
const STEP_BYTES = 32;

export const aLetterMayBeLargerThanItsOriginal: ConformanceCase = {
  name: 'a-letter-may-be-larger-than-its-original',
  title:
    'dead-letters a message of the largest accepted size, whole or with the size of its body, and goes on with its key',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const own = (await stage.publisher()).connection.producer.maxBytes;
    const limit = Math.min(own, stage.options.largeBytes);
    const publisher = await stage.open({ publishing: own <= limit ? {} : { maxBytes: limit } });
    const text = await publishLargest(publisher, stage.topic, limit);
    await publisher.publish(stage.topic, 'next', { key: 'k' });

    const handle = (payload: unknown): void => {
      if (payload !== 'next') throw new RangeError(`too large to handle, as planned: ${'x'.repeat(500)}`);
    };
    const subscriber = await stage.subscribe({ handle, retry: { maxAttempts: 1 } });
    await subscriber.untilSettled(2);
    assert.equal(subscriber.noticesOf('message:acked').length, 1, 'the next message of the key is handled');

    const body = Buffer.from(JSON.stringify(text));
    const [letter, ...more] = await publisher.deadLetters.list(stage.deadLetterTopic);
    assert.ok(letter !== undefined && more.length === 0, 'there is one dead letter');
    assert.deepEqual([letter.id, letter.key, letter.errorName], ['large', 'k', 'RangeError']);
    const [notice] = subscriber.noticesOf('message:dead-lettered');
    assert.equal(notice?.isBodyOmitted ?? false, letter.omittedBytes !== undefined, 'an omitted body is reported');
    if (letter.omittedBytes === undefined) assert.ok(letter.body?.equals(body), 'the dead letter has the whole body');
    else
      assert.deepEqual([letter.omittedBytes, letter.body?.length], [body.length, 0], DEAD_LETTER_HEADERS.omittedBytes);
  },
};

/** Publishes the longest text that is accepted, up to a few bytes. Only the driver knows what its envelope adds. */
async function publishLargest(publisher: Application, topic: string, limit: number): Promise<string> {
  const headers = { 'message-id': 'large' };
  const empty = { topic, key: 'k', body: Buffer.from('""'), headers, partition: undefined, id: 'large' };
  for (let length = limit - exactSize(empty); length > 0; length -= STEP_BYTES) {
    const text = 'x'.repeat(length);
    const refused = await publisher.publish(topic, text, { id: 'large', key: 'k' }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused === undefined) return text;
    assert.ok(isTransportError(refused, 'TRANSPORT_MESSAGE_TOO_LARGE'), `rejected with: ${String(refused)}`);
  }
  throw new Error('No size is accepted.');
}
