import { Controller } from '@nestjs/common';
import { isTransportError, Subscribe, type Broker, type SubscribeOptions } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import { memory } from 'nest-transport/memory';
import { nats } from 'nest-transport/nats';
import { nsq } from 'nest-transport/nsq';
import { rabbitmq } from 'nest-transport/rabbitmq';
import { boot, closeAll, refusal } from './boot.js';

afterEach(closeAll);

const DAY_MS = 86_400_000;
const NOWHERE = '127.0.0.1:1';
const ABSENT = 'TRANSPORT_CAPABILITY_UNSUPPORTED';
const CONFLICT = 'TRANSPORT_OPTION_CONFLICT';

function charging(options: Pick<SubscribeOptions, 'delivery' | 'ordering' | 'retry'>) {
  @Controller()
  class Payments {
    @Subscribe('paid', options)
    charge(): void {}
  }
  return Payments;
}

test.each<[string, Broker, string, RegExp]>([
  [
    'core NATS',
    nats({ servers: [NOWHERE], mode: 'core' }),
    ABSENT,
    /the nats driver .*Remove retry\.redeliveryDelaysMs/,
  ],
  [
    'RabbitMQ that declares nothing',
    rabbitmq({ url: `amqp://${NOWHERE}`, provision: false }),
    ABSENT,
    /the rabbitmq driver .*provision: false .*Remove retry\.redeliveryDelaysMs/,
  ],
  ['NSQ for a day', nsq({ nsqd: [NOWHERE] }), CONFLICT, /retry\.redeliveryDelaysMs\[1\] \(86400000\) .* of nsq\(\)/],
])('a long wait is refused at start, with the place, the driver and the option: %s', async (_, broker, code, words) => {
  const options = { ordering: 'none', retry: { redeliveryDelaysMs: [60_000, DAY_MS] } } as const;
  const error = await refusal(boot({ controllers: [charging(options)] }, { transport: { broker } }));
  expect(isTransportError(error) && error.code).toBe(code);
  expect(error.message).toContain('@Subscribe("paid") in Payments.charge');
  expect(error.message).toMatch(words);
});

test('a long wait is refused at start where the subscription keeps an order, also by default', async () => {
  const options = { retry: { redeliveryDelaysMs: [60_000] } };
  const error = await refusal(boot({ controllers: [charging(options)] }, { transport: { broker: memory() } }));
  expect(isTransportError(error, CONFLICT)).toBe(true);
  expect(error.message).toContain('in Payments.charge retry: redeliveryDelaysMs lets other messages pass');
});

test('a long wait is refused at start on Kafka where each instance is a group that ends with it', async () => {
  const options = { delivery: 'every-instance', ordering: 'none', retry: { redeliveryDelaysMs: [60_000] } } as const;
  const broker = kafka({ brokers: [NOWHERE] });
  const error = await refusal(boot({ controllers: [charging(options)] }, { transport: { broker } }));
  expect(isTransportError(error, CONFLICT)).toBe(true);
  expect(error.message).toMatch(/in Payments\.charge retry: redeliveryDelaysMs keeps messages in topics of the group/);
});
