import { TransportError, TransportHealth, type Broker, type OutgoingMessage, type Producer } from 'nest-transport';
import { tiny } from '../conformance/tiny-driver.js';
import { boot, closeAll, refusal } from './boot.js';

afterEach(closeAll);

/** The driver of the guide for authors, whose broker may refuse all topics. It reports nothing of that itself. */
function strict(): { readonly broker: Broker; permit: (isPermitted: boolean) => void } {
  const inner = tiny();
  let isPermitted = true;
  const refused = ({ topic }: OutgoingMessage) =>
    new TransportError('TRANSPORT_AUTHORIZATION_FAILED', `cannot publish to "${topic}".`, { topic, stored: 'no' });
  const broker: Broker = {
    ...inner,
    open: (host) => {
      const connection = inner.open(host);
      const send: Producer['send'] = (messages, window) =>
        isPermitted ? connection.producer.send(messages, window) : Promise.resolve(messages.map(refused));
      return { ...connection, producer: { ...connection.producer, send } };
    },
  };
  return { broker, permit: (permitted) => (isPermitted = permitted) };
}

test('a topic that the broker refuses makes health degraded and is warned of once, until it stores again, with any driver', async () => {
  const { broker, permit } = strict();
  const { app, publisher, notices } = await boot({}, { transport: { broker } });
  const warned: string[] = [];
  notices.on('broker:warned', ({ warning }) => warned.push(warning));
  const health = app.get(TransportHealth);
  await publisher.publish('orders', 1);
  permit(false);
  for (const n of [2, 3]) await refusal(publisher.publish('orders', n));
  expect(health.report().brokers[0]).toMatchObject({
    status: 'degraded',
    problems: [expect.stringContaining('"orders"')],
  });
  expect(warned).toEqual([expect.stringContaining('cannot publish to "orders"')]);
  permit(true);
  await publisher.publish('orders', 4);
  expect(health.report()).toMatchObject({ status: 'up' });
});
