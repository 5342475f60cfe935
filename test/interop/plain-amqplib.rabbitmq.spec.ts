import { connect, type Channel, type ChannelModel, type GetMessage, type Options } from 'amqplib';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { until } from '../brokers/lone-program.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Application } from './application.js';

const url = process.env['RABBITMQ_URL'] ?? '';
const EXCHANGE = 'nest-transport';

describe('a program with plain amqplib and an application on RabbitMQ', () => {
  let topic: string;
  let application: Application;
  let connection: ChannelModel;
  let channel: Channel;
  beforeEach(async () => {
    topic = `${uniqueName('orders')}.created`;
    application = await Application.start(rabbitmq({ url }), topic);
    connection = await connect(url);
    channel = await connection.createChannel();
  });
  afterEach(async () => {
    await connection.close();
    await application.close();
  });

  /** A queue of the foreign program's own, bound as it would bind it. */
  async function boundQueue(pattern: string): Promise<string> {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, EXCHANGE, pattern);
    return queue;
  }

  async function next(queue: string): Promise<GetMessage> {
    let message: GetMessage | false = false;
    await until(async () => (message = await channel.get(queue, { noAck: true })) !== false);
    return message as unknown as GetMessage;
  }

  const write = (payload: object, options?: Options.Publish): boolean =>
    channel.publish(EXCHANGE, topic, Buffer.from(JSON.stringify(payload)), options);

  it('reads what we publish: the plain payload, id and type where AMQP has them, key and our headers as headers', async () => {
    const queue = await boundQueue(topic);
    await application.publish({ orderId: 'o-1', note: 'größer' }, { id: 'm-1', headers: { 'tenant-id': 'acme' } });
    const { content, fields, properties } = await next(queue);
    expect(content.toString()).toBe('{"orderId":"o-1","note":"größer"}');
    expect(fields).toMatchObject({ exchange: EXCHANGE, routingKey: topic });
    expect(properties).toMatchObject({ messageId: 'm-1', type: 'order.created', deliveryMode: 2 });
    expect(properties.headers).toMatchObject({ 'message-key': 'o-1', 'tenant-id': 'acme' });
  });

  it('has what it writes handled: properties, headers in any case, and a message without any', async () => {
    const headers = { 'Tenant-Id': 'acme', 'message-key': 'o-1' };
    write({ orderId: 'o-1' }, { messageId: 'm-1', type: 'order.created', contentType: 'application/json', headers });
    write({ orderId: 'o-2' });
    const received = await application.received(2);
    const of = (orderId: string) =>
      received.find(({ payload }) => (payload as { orderId: string }).orderId === orderId)?.context;
    expect(of('o-1')).toMatchObject({ type: 'order.created', key: 'o-1' });
    expect([of('o-1')?.id, of('o-1')?.header('tenant-id')]).toEqual(['m-1', 'acme']);
    expect([of('o-2')?.type, of('o-2')?.key]).toEqual([topic, undefined]);
    expect(of('o-2')?.id).not.toBe('');
  });

  it('may bind a queue of its own to a pattern over our topics', async () => {
    const queue = await boundQueue(topic.replace('created', '*'));
    await application.publish({ orderId: 'o-1' });
    expect((await next(queue)).fields.routingKey).toBe(topic);
  });
});
