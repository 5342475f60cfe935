import type { ConformancePromise } from '../promise.js';

const MESSAGES = 100;

export const membersShareAGroup: ConformancePromise = {
  name: 'members-share-a-group',
  title: 'gives each message to one member of a group',
  capability: 'groups',
  async run(stage) {
    const publisher = await stage.publisher();
    const members = [await stage.subscribe(), await stage.subscribe()];
    await publisher.publishNumbers(MESSAGES, (n) => `${n}`);
    const settled = (): number => members.reduce((sum, member) => sum + member.settled, 0);
    await stage.until('the members together have settled everything', () => settled() >= MESSAGES);
    // What would be given to two members is with both of them by now; closing lets it come to light.
    await Promise.all(members.map((member) => member.close()));

    stage.history.assertNothingLost();
    stage.history.assertDuplicatesAtMost(0);
  },
};
