import { connect } from 'amqplib';
import { TransportError } from 'nest-transport';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { boot, closeAll as closeApplications, refusal } from '../nest/boot.js';
import { closeAll, uniqueName } from './support.js';

const url = process.env['RABBITMQ_URL']!;
afterEach(async () => {
  await closeApplications();
  await closeAll();
});

/** Two queues of one topic; the second takes one message and then rejects. */
async function halfFull(topic: string) {
  const side = await connect(url);
  const channel = await side.createConfirmChannel();
  const [open, full] = [`open:${topic}`, `full:${topic}`];
  const bounds = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
  await channel.assertExchange('nest-transport', 'topic', { durable: true });
  await channel.assertQueue(open, { durable: true });
  await channel.assertQueue(full, { durable: true, arguments: bounds });
  for (const queue of [open, full]) await channel.bindQueue(queue, 'nest-transport', topic);
  channel.sendToQueue(full, Buffer.from('filler'));
  await channel.waitForConfirms();
  const end = async (): Promise<number> => {
    const { messageCount } = await channel.checkQueue(open);
    for (const queue of [open, full]) await channel.deleteQueue(queue);
    await side.close();
    return messageCount;
  };
  return { end };
}

describe('a message that RabbitMQ rejects because one of its queues is full', () => {
  test('is reported as possibly stored, and no second copy reaches the other queues', async () => {
    const topic = uniqueName('half-full');
    const { end } = await halfFull(topic);
    const { publisher } = await boot(
      {},
      { transport: { broker: rabbitmq({ url }), publishing: { publishTimeoutMs: 1_500 } } },
    );
    const error = await refusal(publisher.publish(topic, { n: 1 }));
    expect(error).toBeInstanceOf(TransportError);
    expect(error).toMatchObject({ code: 'TRANSPORT_PUBLISH_UNKNOWN', stored: 'unknown' });
    expect(error.message).toContain('Other queues of the topic may have stored it');
    expect(await end()).toBe(1);
  });
});
