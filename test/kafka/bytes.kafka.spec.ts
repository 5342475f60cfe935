import { Controller, Module } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { KafkaMessage } from 'kafkajs';
import { BrokerHandle, createTransportApp, Subscribe, TransportModule, type MessageContext } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { afterwards, closeAll, foreign, foreignSend, newTopic, sharedBrokers, uniqueName, until } from './support.js';

afterEach(closeAll);

const KEY = Buffer.from([0xff, 0xfe]);
const TRACE = Buffer.from([0x01, 0xff]);
const group = uniqueName('bytes');

/** All records of these topics, as another program reads them. */
async function readAll(topics: string[]): Promise<Map<string, KafkaMessage[]>> {
  const found = new Map<string, KafkaMessage[]>(topics.map((topic) => [topic, []]));
  const consumer = foreign().consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 50 });
  afterwards(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ topic, message }) => Promise.resolve(void found.get(topic)?.push(message)),
  });
  return found;
}

it('bytes of a key and a header that are not UTF-8 stay as they are in a retry topic, a dead letter and a replay', async () => {
  const [topic, letters, replayed] = [await newTopic(), await newTopic(), await newTopic(3)];
  const seen: (Buffer | undefined)[] = [];
  @Controller()
  class Bank {
    @Subscribe(topic, {
      group,
      deadLetterTopic: letters,
      retry: { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, redeliveryDelaysMs: [500] },
      ordering: 'none',
    })
    refuse(@Payload() _payload: unknown, @Ctx() context: MessageContext): never {
      seen.push(context.rawKey);
      throw new Error('the bank is away');
    }
  }
  @Module({
    imports: [
      TransportModule.forRoot({
        service: group,
        broker: kafka({ brokers: sharedBrokers(), provision: { partitions: 1 } }),
        logger: false,
      }),
    ],
    controllers: [Bank],
  })
  class App {}
  const app = await createTransportApp(App, { http: false, logger: false, exitOnSignal: false });
  afterwards(() => app.close());
  await app.listen();
  const headers = { trace: TRACE, name: 'größe' };
  const other = Buffer.from([0xfe, 0xff]);
  await foreignSend(
    topic,
    [KEY, other].map((key) => ({ key, value: '{}', headers })),
  );

  const topics = [`${topic}.${group}.retry-1`, letters, replayed];
  const found = await readAll(topics);
  const both = (name: string) => until(`${name} holds both`, () => found.get(name)?.length === 2);
  await both(letters);
  await app.get(BrokerHandle).deadLetters.replay(letters, { to: replayed });
  for (const name of topics) await both(name);

  expect(seen.map((key) => key?.toString('hex')).sort()).toEqual(['feff', 'feff', 'fffe', 'fffe']);
  for (const name of topics) {
    const records = found.get(name) ?? [];
    expect(new Set(records.map(({ key }) => key?.toString('hex')))).toEqual(new Set(['fffe', 'feff']));
    for (const { headers: stored } of records)
      expect([stored?.['trace'], stored?.['name']]).toEqual([TRACE, Buffer.from('größe')]);
  }
});
