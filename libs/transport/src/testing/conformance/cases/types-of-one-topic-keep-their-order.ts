import assert from 'node:assert/strict';
import { defineEvent, type Delivery } from '../../../contract/index.js';
import type { ConformanceCase } from '../conformance-case.js';

const PAIRS = 20;

export const typesOfOneTopicKeepTheirOrder: ConformanceCase = {
  name: 'types-of-one-topic-keep-their-order',
  title: 'keeps the order of a key across the types of one topic, and gives each handler its own type',
  capability: 'orderByKey',
  ask: (stage) => stage.subscribe({ ordering: 'key' }),
  async run(stage) {
    const [opened, closed] = ['account.opened', 'account.closed'].map((type) =>
      defineEvent(type, { topic: stage.topic }),
    );
    const publisher = await stage.publisher();
    const publish = (): Promise<unknown> => {
      const publishes: Promise<unknown>[] = [];
      for (let n = 0; n < PAIRS; n++) {
        for (const event of [opened, closed]) {
          publishes.push(publisher.publisher.publish(event as never, { n } as never, { key: `${n % 3}` }));
        }
      }
      return Promise.all(publishes);
    };

    const handled: string[] = [];
    const route = (type: string) => ({
      type,
      schema: undefined,
      handle: (payload: unknown, delivery: Delivery) => void handled.push(`${type}=${delivery.type} ${delivery.key}`),
    });
    const routes = [route('account.opened'), route('account.closed')];
    const subscriber = await stage.published(publish, () => stage.subscribe({ routes }));
    await subscriber.untilSettled(PAIRS * 2);
    for (const key of ['0', '1', '2']) {
      const ofKey = handled.filter((line) => line.endsWith(` ${key}`)).map((line) => line.split(' ')[0]);
      const expected = ofKey.map((_, index) => (index % 2 === 0 ? 'account.opened' : 'account.closed'));
      assert.deepEqual(
        ofKey,
        expected.map((type) => `${type}=${type}`),
        `the types of key ${key} alternate as published`,
      );
    }
  },
};
