import { Transport, type KafkaOptions } from '@nestjs/microservices';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { Notices, type NoticeMap } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { answersToNestCode, NESTS_ANSWERS } from './nest-client.js';
import { MovingService, publisherOf } from './migration.js';

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');

describe("a service that moves from Nest's own Kafka transport", () => {
  const topic = uniqueName('order.created');
  const name = uniqueName('inventory');
  const [service, unmoved] = [new MovingService(topic), new MovingService(topic)];
  const client = { brokers, logLevel: logLevel.NOTHING };
  const builtIn = {
    transport: Transport.KAFKA,
    options: {
      client,
      consumer: { groupId: name },
      subscribe: { fromBeginning: true },
      producer: { createPartitioner: Partitioners.DefaultPartitioner },
    },
  } as const satisfies KafkaOptions;

  beforeAll(async () => {
    const admin = new Kafka(client).admin();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    await admin.disconnect();
  });
  afterAll(() => Promise.all([service.close(), unmoved.close()]));

  it('goes on in its group behind what was handled before, reads old publishers, and is read by services that have not moved', async () => {
    const emit = service.oldPublisher(builtIn);
    const before = await service.startBefore(builtIn);
    await emit(topic, { orderId: 'before' });
    expect(await service.received(1)).toEqual([{ orderId: 'before' }]);
    await before.close();
    await emit(topic, { key: 'o-2', value: { orderId: 'between' } });

    // n.b. `-server`: Nest's transport hangs it onto the group id it is given.
    const after = await service.startAfter({ service: `${name}-server`, broker: kafka({ brokers, provision: {} }) });
    expect(await service.received(2)).toEqual([{ orderId: 'before' }, { orderId: 'between' }]);
    await emit(topic, { orderId: 'old publisher' });
    await service.received(3);
    await publisherOf(after).publish(topic, { orderId: 'new publisher' }, { key: 'o-4' });
    expect((await service.received(4)).slice(2)).toEqual([{ orderId: 'old publisher' }, { orderId: 'new publisher' }]);

    await unmoved.startBefore({
      ...builtIn,
      options: { ...builtIn.options, consumer: { groupId: `${name}-reports` } },
    });
    expect(await unmoved.received(4)).toContainEqual({ orderId: 'new publisher' });

    // A text is written bare by Nest's client, and is no JSON then.
    const deadLettered = new Promise<NoticeMap['message:dead-lettered']>((resolve) =>
      after.get(Notices).on('message:dead-lettered', resolve),
    );
    await emit(topic, 'a bare text');
    expect((await deadLettered).error).toMatchObject({ code: 'TRANSPORT_PAYLOAD_UNDECODABLE' });
  }, 60_000);

  it("answers what code that was written for Nest's clients expects", async () => {
    expect(await answersToNestCode(kafka({ brokers, provision: {} }))).toEqual(NESTS_ANSWERS);
  }, 120_000);
});
