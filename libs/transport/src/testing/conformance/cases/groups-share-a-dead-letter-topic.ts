import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const groupsShareADeadLetterTopic: ConformanceCase = {
  name: 'groups-share-a-dead-letter-topic',
  title:
    'stores a dead letter for each group that fails at a message, also where both groups use one dead-letter topic',
  capability: 'deadLetter',
  ask: (stage) => stage.subscribe({ deadLetterTopic: stage.deadLetterTopic }),
  async run(stage) {
    const { deadLetterTopic, group } = stage;
    const groups = [group, `${group}-b`];
    const handle = (): never => {
      throw new RangeError('as planned');
    };
    const publisher = await stage.open({ groups });
    const failing = { deadLetterTopic, handle, retry: { maxAttempts: 1 } };
    const members = await Promise.all(groups.map((each) => stage.subscribe({ ...failing, group: each })));
    await publisher.publish(stage.topic, { n: 0 }, { id: 'poison', key: 'k' });
    await Promise.all(members.map((member) => member.untilSettled(1)));

    const letters = await publisher.deadLetters.list(deadLetterTopic);
    const told = letters.map((letter) => [letter.id, letter.group, letter.body?.toString()]);
    const expected = groups.map((each) => ['poison', each, '{"n":0}']);
    assert.deepEqual(told.sort(), expected.sort(), 'each group has a dead letter');
  },
};
