import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 100;

export const membersShareAGroup: ConformanceCase = {
  name: 'members-share-a-group',
  title: 'gives each message to one member of a group',
  capability: 'groups',
  async run(stage) {
    const publisher = await stage.publisher();
    const members = [await stage.subscribe(), await stage.subscribe()];
    const settled = (): number => members.reduce((sum, member) => sum + member.settled, 0);
    // Twice the same keys: a member that was owed a copy of the first round has to handle it before the second.
    for (const round of [1, 2]) {
      await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
      await stage.until(`round ${round} is settled`, () => settled() >= MESSAGES * round);
    }
    const ids = members.flatMap(({ received }) => received.map(({ id }) => id));
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    assert.equal(twice.length, 0, `${twice.length} messages were given to more than one member`);
    stage.history.assertNothingLost();
  },
};
