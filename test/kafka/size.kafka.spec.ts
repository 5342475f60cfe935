import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import {
  createTransportApp,
  DeadLetter,
  isTransportError,
  Notices,
  Publisher,
  Subscribe,
  TransportModule,
} from 'nest-transport';
import { kafka, KAFKA_DEFAULTS } from 'nest-transport/kafka';
import { afterwards, closeAll, newTopic, sharedBrokers, stored, uniqueName, until } from './support.js';

afterEach(closeAll);

const { maxMessageBytes } = KAFKA_DEFAULTS;

async function application(service: string, topic: string, deadLetterTopic: string): Promise<INestMicroservice> {
  @Controller()
  class Refuser {
    @Subscribe(topic, { deadLetterTopic })
    refuse(@Payload() _payload: unknown): never {
      // Longer than a dead letter's headers may be, in letters of three bytes.
      throw new DeadLetter('€'.repeat(5_000));
    }
  }
  @Module({
    imports: [TransportModule.forRoot({ service, broker: kafka({ brokers: sharedBrokers() }), logger: false })],
    controllers: [Refuser],
  })
  class App {}
  const app = await createTransportApp(App, { http: false, logger: false, exitOnSignal: false });
  afterwards(() => app.close());
  await app.listen();
  return app;
}

/** How many bytes a refused message has, by its refusal. */
async function refusedBytes(publishing: Promise<unknown>): Promise<number> {
  const error: unknown = await publishing.catch((reason: unknown) => reason);
  if (!isTransportError(error, 'TRANSPORT_MESSAGE_TOO_LARGE')) throw new Error(`not refused: ${String(error)}`);
  return Number(/has (\d+) bytes/.exec(error.message)?.[1]);
}

describe('the largest message', () => {
  it('is stored, and so is its dead letter, which has more headers; one byte more is refused', async () => {
    const [topic, deadLetterTopic] = [await newTopic(), await newTopic()];
    const app = await application(uniqueName('size'), topic, deadLetterTopic);
    const failed: unknown[] = [];
    app.get(Notices).on('message:dead-letter-failed', ({ error }) => failed.push(error));
    const publisher = app.get(Publisher);
    const key = 'ключ'.repeat(100);
    const publish = (length: number) => publisher.publish(topic, 'x'.repeat(length), { key });
    const around = (await refusedBytes(publish(maxMessageBytes))) - maxMessageBytes;
    const largest = maxMessageBytes - around;
    expect(await refusedBytes(publish(largest + 1))).toBe(maxMessageBytes + 1);
    await publish(largest);
    await until(
      'the dead letter is stored',
      async () => failed.length > 0 || (await stored(deadLetterTopic)).length > 0,
    );
    expect(failed).toEqual([]);
    expect((await stored(deadLetterTopic)).map(({ value }) => value?.length)).toEqual([largest + 2]);
  });
});
