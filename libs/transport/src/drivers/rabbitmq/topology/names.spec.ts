import {
  bindingPatternOf,
  bindingsOf,
  deadLetterPlaceOf,
  groupProblem,
  placeOf,
  queueNameOf,
  refuseSharedQueues,
  queueProblem,
  topicProblem,
} from './names.js';

const TOPIC = { exchange: 'shop', exchangeType: 'topic' } as const;
const FANOUT = { exchange: 'nest-transport', exchangeType: 'fanout' } as const;

describe('names on RabbitMQ', () => {
  it('accept what AMQP accepts, and say what is wrong with the others', () => {
    expect(topicProblem('order.created', 'topic')).toBeUndefined();
    expect(topicProblem('größe 🦉', 'topic')).toBeUndefined();
    expect(topicProblem('', 'topic')).toBe('it is empty');
    expect(topicProblem('orders.#', 'topic')).toContain('a wildcard of RabbitMQ');
    expect(topicProblem('orders.#1', 'topic')).toBeUndefined();
    expect(topicProblem('ö'.repeat(128), 'topic')).toContain('256 bytes');
    expect(topicProblem('amq.topic', 'fanout')).toContain('reserves names');
  });

  it('separate group and topic in the name of the queue', () => {
    expect(queueNameOf(TOPIC, 'order.created', 'inventory')).toBe('inventory:order.created');
    expect(groupProblem('a:b')).toContain('":"');
    expect(groupProblem('held')).toContain('dead letters');
    expect(groupProblem('delayed')).toContain('delayed messages');
    expect(groupProblem('inventory')).toBeUndefined();
    expect(queueNameOf({ ...TOPIC, queueName: (topic, group) => `${topic}@${group}` }, 't', 'g')).toBe('t@g');
  });

  it('are the default ones where queueName returns undefined, as a table does for topics that it does not list', () => {
    const queueName = (topic: string): string | undefined => ({ orders: 'shop' })[topic];
    expect(queueNameOf({ ...TOPIC, queueName }, 'orders', 'stock')).toBe('shop');
    expect(queueNameOf({ ...TOPIC, queueName }, 'orders.dead-letter', 'stock')).toBe('stock:orders.dead-letter');
  });

  it('leave room for the suffixes of the driver', () => {
    expect(queueProblem('q'.repeat(223))).toBeUndefined();
    expect(queueProblem('q'.repeat(224))).toContain('224 bytes');
    expect(queueProblem('amq.q')).toContain('reserves names');
    expect(queueProblem(undefined)).toContain('must be a text');
  });

  it('of queues are one per subscription: two subscriptions with the same queue are rejected', () => {
    const [orders, mails] = [
      { topic: 'orders', group: 'inventory' },
      { topic: 'mails', group: 'inventory' },
    ];
    expect(() => refuseSharedQueues(TOPIC, [orders, mails, { ...orders, group: 'reports' }])).not.toThrow();
    const shared = { ...TOPIC, queueName: () => 'shop' };
    expect(() => refuseSharedQueues(shared, [orders])).not.toThrow();
    const conflict = {
      code: 'TRANSPORT_OPTION_CONFLICT',
      message: expect.stringMatching(/"orders" and "mails".*"shop"/),
    };
    expect(() => refuseSharedQueues(shared, [orders, mails])).toThrow(expect.objectContaining(conflict));
  });

  it('are routing keys on one exchange, or an exchange each', () => {
    expect(placeOf(TOPIC, 'a.b')).toEqual({ exchange: 'shop', routingKey: 'a.b' });
    expect(placeOf(FANOUT, 'a.b')).toEqual({ exchange: 'a.b', routingKey: 'a.b' });
    expect(deadLetterPlaceOf(TOPIC, 'a.b')).toEqual({ exchange: 'shop.dead-letter', routingKey: 'a.b' });
    expect(deadLetterPlaceOf(FANOUT, 'a.b')).toEqual(placeOf(FANOUT, 'a.b'));
  });

  it.each([
    ['orders', 'orders'],
    ['orders.*', 'orders.*'],
    ['orders.>', 'orders.*.#'],
    ['*.created', '*.created'],
    ['orders.>.x', 'orders.>.x'],
    ['>', '*.#'],
  ])('as patterns are written as RabbitMQ reads them: %s is %s', (ours, theirs) => {
    expect(bindingPatternOf(ours)).toBe(theirs);
  });

  it('bind a queue to dead letters when the topic names them explicitly, and not for other patterns', () => {
    const exchanges = (topic: string) => bindingsOf(TOPIC, topic).map(({ exchange }) => exchange);
    expect(exchanges('orders')).toEqual(['shop', 'shop.dead-letter']);
    expect(exchanges('orders.>')).toEqual(['shop']);
    expect(exchanges('orders.*.dead-letter')).toEqual(['shop', 'shop.dead-letter']);
    expect(bindingsOf(FANOUT, 'orders')).toEqual([{ exchange: 'orders', pattern: 'orders' }]);
  });
});
