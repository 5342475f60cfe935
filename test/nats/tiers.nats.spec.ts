import type { Delivery } from 'nest-transport';
import { closeAll, connected, manyMessages, onlyConsumerOf, TestSink, uniqueName, until } from './support.js';

afterEach(closeAll);

const MAX_UNSETTLED = 20;

test('what waits on the server for a later tier counts for maxUnsettled: when it takes all the room, that is told, until it comes again', async () => {
  const topic = uniqueName('tiers');
  const side = await connected({ maxUnsettled: MAX_UNSETTLED });
  await side.connection.ensureTopics([topic], 'publish');
  await side.send(...manyMessages(MAX_UNSETTLED + 1, topic));
  const waiting: Delivery[] = [];
  const sink = new TestSink((delivery) => {
    if (waiting.length === MAX_UNSETTLED) return undefined;
    waiting.push(delivery);
    delivery.settle({ kind: 'nack', delayMs: 8_000 });
    return false;
  });
  await side.consume(topic, 'patient', sink, { maxInFlight: 10, ordering: 'none' });
  await until('it stalls', () => side.heard('partition:stalled').length === 1);
  expect(side.heard('partition:stalled')[0]?.reason).toContain('maxUnsettled (20)');
  expect(side.connection.health()).toMatchObject({ status: 'degraded', problems: [expect.stringContaining(topic)] });
  expect((await onlyConsumerOf(topic)).info.num_ack_pending).toBe(MAX_UNSETTLED);
  expect(sink.done).toEqual([]);
  await until('all are handled', () => sink.done.length === MAX_UNSETTLED + 1);
  expect(side.heard('partition:unstalled')).toHaveLength(1);
  expect(side.connection.health().status).toBe('up');
});
