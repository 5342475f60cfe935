import assert from 'node:assert/strict';
import { DeadLetter } from '../../../consuming/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const aPatternTakesManyTopics: ConformanceCase = {
  name: 'a-pattern-takes-many-topics',
  title:
    'gives a subscription to a pattern every topic that it matches, under its own name, and no dead letter of them',
  capability: 'wildcards',
  ask: (stage) => stage.subscribe({ topic: `${stage.topic}.*` }),
  async run(stage) {
    const { topic } = stage;
    const topics = ['a', 'b', 'b.c'].map((word) => `${topic}.${word}`);
    const publisher = await stage.open({ publishesTo: [topic, ...topics] });
    const oneWord = await stage.subscribe({ topic: `${topic}.*`, group: `${stage.group}-one` });
    const anyWords = await stage.subscribe({
      topic: `${topic}.>`,
      group: `${stage.group}-any`,
      handle: (_, { topic: from }) => {
        if (from.endsWith('.b.c')) throw new DeadLetter('as planned');
      },
    });
    const hasDeadLetters = stage.broker.capabilities.deadLetter !== 'unsupported';
    const reader = await stage.subscribe({
      topic: `${topic}.all.${stage.group}-any.dead-letter`,
      deadLetterTopic: false,
    });
    for (const each of [topic, ...topics]) await publisher.publish(each, { n: 0 });
    await Promise.all([oneWord.untilSettled(2), anyWords.untilSettled(3), reader.untilSettled(hasDeadLetters ? 1 : 0)]);

    const topicsOf = ({ received }: typeof oneWord) => received.map((each) => each.topic).sort();
    assert.deepEqual(topicsOf(oneWord), topics.slice(0, 2));
    assert.deepEqual(topicsOf(anyWords), topics, 'a dead letter never comes back to the pattern that it came from');
  },
};
