import assert from 'node:assert/strict';
import { DEAD_LETTER_HEADERS, defineEvent, type Codec } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

/** Not JSON, not text, and asynchronous: what a codec with a schema registry looks like to the transport. */
const reversed: Codec = {
  contentType: 'application/x-conformance',
  encode: async (payload) => Buffer.from(JSON.stringify(payload)).reverse(),
  decode: async (body) => JSON.parse(String(Buffer.from(body).reverse())) as unknown,
};

export const contentTypesDecideWhoReads: ConformanceCase = {
  name: 'content-types-decide-who-reads',
  title:
    'carries a message of another codec intact, and dead-letters an unknown content type without a handler call or a retry',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    const event = defineEvent<{ n: number; text: string }>(stage.topic, { codec: reversed });
    const sent = [0, 1].map((n) => ({ n, text: 'ü€😀' }));
    for (const payload of sent) await publisher.publisher.publish(event, payload, { key: 'a' });
    const foreign = { 'message-id': 'foreign', 'content-type': 'application/x-nobody-reads-this' };
    const body = Buffer.from([0x00, 0xff, 0x7b]);
    await publisher.sendRaw({ id: 'foreign', key: 'a', body, headers: foreign });
    await publisher.publish(stage.topic, { n: 2 }, { key: 'a' });

    const route = { type: event.type, schema: undefined, codec: reversed, handle: () => undefined };
    const subscriber = await stage.subscribe({ routes: [route] });
    await subscriber.untilSettled(4);
    const payloads = subscriber.received.map(({ payload }) => payload);
    const expected = [...sent, { n: 2 }];
    assert.deepEqual(stage.inOrder(payloads), stage.inOrder(expected), 'both formats arrive, in their order');
    const retried = subscriber.noticesOf('message:retry-scheduled');
    assert.equal(retried.length, 0, 'a format that nobody reads is not tried again');

    const reader = await stage.readDeadLetters();
    await reader.untilSettled(1);
    const [dead] = reader.received;
    assert.deepEqual(dead?.payload, body, 'the dead letter has the bytes');
    assert.equal(dead?.headers['content-type'], foreign['content-type'], 'and says what they are');
    assert.match(dead?.headers[DEAD_LETTER_HEADERS.errorMessage] ?? '', /TRANSPORT_CONTENT_TYPE_UNKNOWN/);
  },
};
