import assert from 'node:assert/strict';
import type { ConformanceCase } from '../conformance-case.js';

const HEADERS = {
  'tenant-id': 'acme',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'x-text': 'Größe: 10 €, 100 % sure, "quoted", 🦉',
  'x-empty': '',
  'x-spaces': '  kept  ',
};

export const headersArriveWithThePayload: ConformanceCase = {
  name: 'headers-arrive-with-the-payload',
  title: 'delivers headers as they were published, and on every attempt',
  capability: 'headers',
  async run(stage) {
    const publisher = await stage.publisher();
    const subscriber = await stage.published(
      () => publisher.publish(stage.topic, { n: 1 }, { headers: HEADERS }),
      () =>
        stage.subscribe({
          retry: { initialDelayMs: 5, maxDelayMs: 5, ...stage.ownRetries },
          handle: (_, { attempt }) => {
            if (attempt === 1) throw new Error('the first attempt fails, as planned');
          },
        }),
    );
    await subscriber.untilSettled(1);
    const [first] = subscriber.received;
    await publisher.publish(stage.topic, { n: 2 }, { headers: { ...first?.headers } });
    await subscriber.untilSettled(2);
    const ids = new Set(subscriber.received.map(({ id }) => id));
    assert.equal(ids.size, 2, 'headers of a received message can be handed on, to a message with an id of its own');

    for (const { attempt, headers, delivery } of subscriber.received) {
      for (const [name, value] of Object.entries(HEADERS)) {
        assert.equal(headers[name], value, `header "${name}" arrives intact on attempt ${attempt}`);
        assert.equal(delivery.header(name), value, `header("${name}") reads the same on attempt ${attempt}`);
      }
      assert.equal(delivery.header('x-never-sent'), undefined, 'a header that was not sent is undefined');
    }
  },
};
