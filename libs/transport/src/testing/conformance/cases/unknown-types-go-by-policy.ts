import assert from 'node:assert/strict';
import { defineEvent } from '../../../contract/index.js';
import type { UnknownTypePolicy } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';
import type { Stage } from '../stage.js';

const retry = { maxAttempts: 2, initialDelayMs: 1, maxDelayMs: 1 };

export const unknownTypesGoByPolicy: ConformanceCase = {
  name: 'unknown-types-go-by-policy',
  title: 'ignores, dead-letters or retries a type that nobody handles, as it was told, and handles the others',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const groups = (['ignore', 'dead-letter', 'fail'] as const).map((policy) => groupOf(stage, policy));
    const publisher = await stage.open({ groups });
    const [known, unknown] = ['user.known', 'user.unknown'].map((type) => defineEvent(type, { topic: stage.topic }));
    for (const event of [known, unknown, known]) {
      await publisher.publisher.publish(event as never, {} as never, { key: 'a' });
    }
    assert.deepEqual(await noticesUnder(stage, 'ignore'), stage.inOrder(['acked', 'dropped', 'acked']));
    assert.deepEqual(await noticesUnder(stage, 'dead-letter'), stage.inOrder(['acked', 'dead-lettered', 'acked']));
    assert.deepEqual(
      await noticesUnder(stage, 'fail'),
      stage.inOrder(['acked', 'retry-scheduled', 'dead-lettered', 'acked']),
    );
  },
};

async function noticesUnder(stage: Stage, unknownType: UnknownTypePolicy): Promise<string[]> {
  const routes = [{ type: 'user.known', schema: undefined, handle: () => undefined }];
  const subscriber = await stage.subscribe({ group: groupOf(stage, unknownType), unknownType, retry, routes });
  await subscriber.untilSettled(3);
  const dropped = new Set(subscriber.noticesOf('message:dropped').map(({ id }) => id));
  const notices = subscriber.heard.flatMap(({ name, notice }) => {
    if (!name.startsWith('message:')) return [];
    // What is dropped is acked too, and may say so.
    const said = name === 'message:acked' && dropped.has((notice as { id: string }).id);
    return said ? [] : [name.slice('message:'.length)];
  });
  return stage.inOrder(notices);
}

const groupOf = (stage: Stage, policy: UnknownTypePolicy): string => `${stage.group}-${policy}`;
