import assert from 'node:assert/strict';
import { DEAD_LETTER_HEADERS } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const BODIES: Readonly<Record<string, Buffer>> = {
  'is cut short': Buffer.from('{"n":'),
  'is text': Buffer.from('hello'),
  'is empty': Buffer.alloc(0),
  'is binary': Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0a, 0x00]),
  'is UTF-16': Buffer.from('{"n":1}', 'utf16le'),
};

export const undecodableMessagesAreDeadLettered: ConformanceCase = {
  name: 'undecodable-messages-are-dead-lettered',
  title: 'dead-letters what does not decode, byte for byte, without a handler call or a retry, and hurts no neighbour',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    await publisher.publish(stage.topic, { n: 0 }, { key: 'a' });
    for (const [id, body] of Object.entries(BODIES)) {
      await publisher.sendRaw({ id, key: 'a', body, headers: { 'message-id': id } });
    }
    await publisher.publish(stage.topic, { n: 1 }, { key: 'a' });

    const count = Object.keys(BODIES).length;
    const subscriber = await stage.subscribe();
    await subscriber.untilSettled(count + 2);
    assert.deepEqual(
      stage.inOrder(subscriber.numbers),
      [0, 1],
      'only the neighbours reach the handler, in their order',
    );
    assert.equal(
      subscriber.noticesOf('message:retry-scheduled').length,
      0,
      'bytes that do not decode are not tried again',
    );

    const reader = await stage.readDeadLetters();
    await reader.untilSettled(count);
    for (const { id, payload, headers } of reader.received) {
      assert.deepEqual(payload, BODIES[id], `the dead letter of the message that ${id} has its bytes`);
      assert.match(headers[DEAD_LETTER_HEADERS.errorMessage] ?? '', /TRANSPORT_PAYLOAD_UNDECODABLE/);
    }
  },
};
