import { rabbitmq } from 'nest-transport/rabbitmq';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { SourceProcess } from '../e2e/source-process.js';
import { Application } from './application.js';

const url = process.env['RABBITMQ_URL'] ?? '';
/** Instead of a queue: only publishes. */
const NO_QUEUE = '-';

describe('a service with @RabbitSubscribe of golevelup', () => {
  const [exchange, topic] = [uniqueName('shop'), 'order.created'];
  const started: SourceProcess[] = [];
  const golevelup = async (queue: string, ...orderIds: string[]): Promise<SourceProcess> => {
    const service = new SourceProcess('test/interop/golevelup-service.ts', [exchange, topic, queue, ...orderIds]);
    started.push(service);
    await service.printed(/^ready$/m);
    return service;
  };
  const ended = async (service: SourceProcess): Promise<unknown> => {
    service.kill('SIGTERM');
    return service.exited;
  };
  let application: Application | undefined;
  afterEach(async () => {
    await application?.close();
    await Promise.all(started.map(ended));
  });

  it('becomes one of ours on its queue, with what waits in it, and goes on with services that have not moved', async () => {
    const queue = uniqueName('stock');
    const before = await golevelup(queue, 'before');
    await before.printed(/got \{"orderId":"before"\}/);
    expect(await ended(before)).toBe(0);
    const publisher = await golevelup(NO_QUEUE, 'between');
    expect(await publisher.exited).toBe(0);

    application = await Application.start(
      rabbitmq({ url, exchange, queueType: 'classic', queueName: () => queue }),
      topic,
    );
    const other = await golevelup(uniqueName('mail'), 'old publisher');
    await application.publish({ orderId: 'new publisher' });
    const payloads = (await application.received(3)).map(({ payload }) => payload);
    expect(payloads).toEqual([{ orderId: 'between' }, { orderId: 'old publisher' }, { orderId: 'new publisher' }]);
    await other.printed(/got \{"orderId":"new publisher"\}/);
  }, 60_000);
});
