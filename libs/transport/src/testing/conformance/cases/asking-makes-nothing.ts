import assert from 'node:assert/strict';
import { GUARANTEE_LEVELS } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

export const askingMakesNothing: ConformanceCase = {
  name: 'asking-makes-nothing',
  title: 'tells how it keeps topics as plain data, claims no more than it knows, and makes no group by being asked',
  capability: 'groups',
  async run(stage) {
    const other = `${stage.group}-other`;
    const publisher = await stage.open({ groups: [other] });
    const { topic, group } = stage;
    const questions = [
      { topic, group },
      { topic, group: undefined },
    ];
    const facts = await publisher.connection.describe?.(questions);
    if (facts !== undefined) {
      assert.deepEqual(JSON.parse(JSON.stringify(facts)), plain(facts), 'facts are plain data');
      assert.equal(facts.topics.length, questions.length, 'one answer for each question');
      assert.ok(['all', 'one', 'none'].includes(facts.confirmedBy), `confirmedBy is ${facts.confirmedBy}`);
    }

    await publisher.publish(topic, { n: 0 });
    const subscriber = await stage.subscribe({ startFrom: 'new' });
    await publisher.publish(topic, { n: 1 });
    await subscriber.untilSettled(1);
    assert.deepEqual(subscriber.numbers, [1], 'the group begins when it is subscribed to, not when it is asked about');
    const [{ guarantee } = { guarantee: undefined }] = subscriber.consumer.subscriptions;
    assert.ok(guarantee !== undefined && GUARANTEE_LEVELS.includes(guarantee.level), 'it has a guarantee');
    if (guarantee.level !== 'at-least-once') assert.ok(guarantee.reasons.length > 0, 'with a reason why it is less');
    const mayNotClaim = facts === undefined || stage.broker.capabilities.durability === 'unsupported';
    assert.ok(!mayNotClaim || guarantee.level !== 'at-least-once', `"${guarantee.level}" is claimed, and not known`);
  },
};

/** Removes undefined values, which JSON cannot represent; in the list of topics they become null. */
const plain = (facts: object): unknown =>
  Object.fromEntries(
    Object.entries(facts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, Array.isArray(value) ? value.map((each) => each ?? null) : value]),
  );
