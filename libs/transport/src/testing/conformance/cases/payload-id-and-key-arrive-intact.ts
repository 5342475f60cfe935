import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const PAYLOAD = {
  text: 'Zoë, 東京, 🦉, "quotes", \u2028',
  number: -1.5e300,
  list: [null, true, { deep: [] }],
  empty: '',
};
const KEY = 'Schlüssel 🗝';

export const payloadIdAndKeyArriveIntact: ConformanceCase = {
  name: 'payload-id-and-key-arrive-intact',
  title: 'delivers payload, id and key as they were published',
  async run(stage) {
    const publisher = await stage.publisher();
    const publish = async () => [
      await publisher.publish(stage.topic, PAYLOAD, { id: 'an id of my own', key: KEY }),
      await publisher.publisher.publish(stage.topic, PAYLOAD),
    ];
    let receipts: { readonly id: string }[] = [];
    const subscriber = await stage.published(
      async () => (receipts = await publish()),
      () => stage.subscribe(),
    );
    await subscriber.untilSettled(2);
    const [receipt, generated] = receipts;

    const mine = subscriber.received.find(({ id }) => id === 'an id of my own');
    assert.equal(receipt?.id, 'an id of my own', 'the receipt carries the id that was given');
    assert.deepEqual(mine?.payload, PAYLOAD, 'the payload arrives as it was published');
    assert.equal(mine?.key, KEY, 'the key arrives as it was published');
    assert.equal(mine?.type, stage.topic, 'without another type, the type is the topic');
    assert.equal(mine?.group, stage.group, 'a delivery says which group it was given to');
    assert.equal(mine?.attempt, 1, 'the first delivery is attempt 1');

    const other = subscriber.received.find(({ id }) => id === generated?.id);
    assert.ok(other, `a message without an id of its own arrives under the id of its receipt, "${generated?.id}"`);
    assert.equal(other.key, undefined, 'a message without a key arrives without one');
  },
};
