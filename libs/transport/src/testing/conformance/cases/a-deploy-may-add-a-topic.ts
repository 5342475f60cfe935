import type { ConformanceCase } from '../conformance-case.js';

const MESSAGES = 30;

export const aDeployMayAddATopic: ConformanceCase = {
  name: 'a-deploy-may-add-a-topic',
  title: 'serves every topic of a group while old members do not know the newest one yet, and after they have left',
  capability: 'groups',
  async run(stage) {
    const added = stage.newTopic();
    const publisher = await stage.open({ publishesTo: [stage.topic, added] });
    const publishToBoth = async (): Promise<void> => {
      for (const topic of [stage.topic, added]) await publisher.publishNumbers(MESSAGES, (n) => `${n % 5}`, topic);
    };
    const old = await stage.subscribe();
    await stage.open({ subscriptions: [{}, { topic: added }], publishesTo: [] });
    await publishToBoth();
    await stage.untilNothingIsOwed();

    await old.close();
    await publishToBoth();
    await stage.untilNothingIsOwed();
    stage.assertOrderPerKey('several');
  },
};
