import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

export const foreignMessagesAreTakenAsTheyAre: ConformanceCase = {
  name: 'foreign-messages-are-taken-as-they-are',
  title: 'delivers what a foreign program wrote: plain JSON with no header of ours, with or without a byte order mark',
  async run(stage) {
    const publisher = await stage.publisher();
    const sent = [
      { body: Buffer.from('{"n":0}'), key: 'foreign' },
      { body: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"n":1}')]) },
      // Looks like Nest's envelope, and is none: keys of a body are never guessed from.
      { body: Buffer.from('{"pattern":"p","data":{"n":9}}') },
    ];
    const publish = async (): Promise<void> => {
      for (const message of sent) await publisher.sendRaw(message);
    };
    const subscriber = await stage.published(publish, () => stage.subscribe());
    await subscriber.untilSettled(sent.length);

    const payloads = subscriber.received.map(({ payload }) => JSON.stringify(payload)).sort();
    assert.deepEqual(payloads, ['{"n":0}', '{"n":1}', '{"pattern":"p","data":{"n":9}}']);
    assert.equal(subscriber.received.find(({ key }) => key !== undefined)?.key, 'foreign', 'the key arrives');
    const ids = subscriber.received.map(({ id }) => id);
    assert.ok(
      ids.every((id) => id !== ''),
      'a message without an id is given one',
    );
    assert.equal(new Set(ids).size, sent.length, `each is told from the others by its id: ${ids.join(', ')}`);
    assert.equal(subscriber.received[0]?.type, stage.topic, 'the type of a foreign message is its topic');
  },
};
