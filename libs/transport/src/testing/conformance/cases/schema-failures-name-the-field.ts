import assert from 'node:assert/strict';
import { DEAD_LETTER_HEADERS, type StandardSchema } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

/** `{ items: [{ sku: string }] }`, written by hand so that the suite needs no validation library. */
const schema: StandardSchema = {
  '~standard': {
    version: 1,
    vendor: 'conformance',
    validate: (value) => {
      const sku = (value as { items?: { sku?: unknown }[] } | null)?.items?.[0]?.sku;
      if (typeof sku === 'string') return { value };
      return { issues: [{ message: `expected text, got ${typeof sku}`, path: ['items', 0, 'sku'] }] };
    },
  },
};

export const schemaFailuresNameTheField: ConformanceCase = {
  name: 'schema-failures-name-the-field',
  title:
    'dead-letters what breaks the schema, naming the field, without a handler call or a retry, and hurts no neighbour',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const publisher = await stage.publisher();
    const good = { items: [{ sku: 'a' }] };
    for (const payload of [good, { items: [{ sku: 7 }] }, null, good]) {
      await publisher.publish(stage.topic, payload, { key: 'a' });
    }
    const subscriber = await stage.subscribe({ routes: [{ type: undefined, schema, handle: () => undefined }] });
    await subscriber.untilSettled(4);
    assert.deepEqual(
      subscriber.received.map(({ payload }) => payload),
      [good, good],
    );
    assert.equal(
      subscriber.noticesOf('message:retry-scheduled').length,
      0,
      'a payload that breaks the schema is not tried again',
    );

    const reader = await stage.readDeadLetters();
    await reader.untilSettled(2);
    for (const { headers } of reader.received) {
      assert.match(headers[DEAD_LETTER_HEADERS.errorMessage] ?? '', /items\[0\]\.sku.*TRANSPORT_PAYLOAD_INVALID/);
    }
  },
};
