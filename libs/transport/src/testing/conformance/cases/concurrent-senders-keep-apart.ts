import assert from 'node:assert/strict';
import { TransportError, type OutgoingMessage, type SendResult } from '../../../contract/index.js';
import type { Application, Received } from '../application.js';
import type { ConformanceCase } from '../conformance-case.js';

const TOPICS = 3;
const CALLERS = 4;
const CALLS = 8;
const PER_CALL = 3;

export const concurrentSendersKeepApart: ConformanceCase = {
  name: 'concurrent-senders-keep-apart',
  title: 'keeps the order of each topic, loses nothing and mixes up no results while many callers send to many topics',
  async run(stage) {
    const topics = Array.from({ length: TOPICS }, () => stage.newTopic());
    const publisher = await stage.open({ publishesTo: topics });
    const sent = new Map<string, string[]>(topics.map((topic) => [topic, []]));
    const results = new Map<string, SendResult | undefined>();
    const send = async (): Promise<void> => {
      const callers = topics.flatMap((topic) => Array.from({ length: CALLERS }, () => topic));
      await Promise.all(callers.map((topic) => sendMany(publisher, topic, sent, results)));
    };
    const subscriptions = topics.map((topic) => ({ topic }));
    const subscriber = await stage.published(
      () => stage.watch.within('every send is answered', send()),
      () => stage.open({ subscriptions, publishesTo: [] }),
    );
    await subscriber.untilSettled(TOPICS * CALLERS * CALLS * PER_CALL);

    for (const [topic, ids] of sent) {
      const received = subscriber.received.filter((each) => each.topic === topic);
      assert.deepEqual(
        stage.inOrder(received.map(({ id }) => id)),
        stage.inOrder(ids),
        `the order of "${topic}" is kept`,
      );
      for (const each of received) assertBelongs(each, results.get(each.id));
    }
  },
};

/** One caller: it sends its next request when the one before is answered, as the publisher and the dead letters do. */
async function sendMany(
  { connection: { producer } }: Application,
  topic: string,
  sent: ReadonlyMap<string, string[]>,
  results: Map<string, SendResult | undefined>,
): Promise<void> {
  for (let call = 0; call < CALLS; call++) {
    const messages = Array.from({ length: PER_CALL }, () => messageAfter(topic, sent.get(topic) ?? []));
    const answered = await producer.send(messages);
    messages.forEach(({ id }, index) => results.set(id, answered[index]));
  }
}

function messageAfter(topic: string, sent: string[]): OutgoingMessage {
  const id = `${topic}-${sent.length}`;
  sent.push(id);
  return { topic, key: 'k', body: Buffer.from('{}'), headers: { 'message-id': id }, partition: undefined, id };
}

function assertBelongs({ id, topic, partition, delivery }: Received, result: SendResult | undefined): void {
  assert.ok(
    result !== undefined && !(result instanceof TransportError),
    `message ${id} is confirmed: ${String(result)}`,
  );
  assert.deepEqual([result.id, result.topic], [id, topic], 'each result belongs to its message');
  if (result.offset === undefined || delivery.offset === undefined) return;
  const stored = [result.partition, result.offset];
  assert.deepEqual(stored, [partition, delivery.offset], `the result of message ${id} says where it is stored`);
}
