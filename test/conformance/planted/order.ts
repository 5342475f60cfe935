import type { Broker, Delivery } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { alteringBroker } from './altered.js';
import type { Planted } from './planted.js';
import { requeueing } from './requeueing.js';

const rearranging = (rearrange: (deliveries: Delivery[]) => Delivery[]): Broker =>
  wrapBroker(memory(), () => ({ receive: (deliveries, go) => go(rearrange([...deliveries])) }));

export const ORDER: readonly Planted[] = [
  {
    testCase: 'predecessor-is-settled-first',
    fault: 'runs messages of one key side by side (go-queue, Processors > 1)',
    createBroker: () => alteringBroker(memory(), ({ key, id }) => ({ key: `${key} ${id}` })),
    saying: /the second message of a key waits for the first/,
  },
  {
    testCase: 'order-per-key-under-concurrency',
    fault: 'hands over each batch back to front',
    createBroker: () => rearranging((deliveries) => deliveries.reverse()),
    saying: /first handled by .* after .*, which was published later/,
  },
  {
    testCase: 'order-per-key-under-redelivery',
    fault: 'puts a failed message behind its successors (every broker with a plain requeue)',
    createBroker: () => requeueing((delayMs) => delayMs),
    saying: /before its predecessor .* was settled/,
  },
  {
    testCase: 'order-per-key-across-members',
    fault: 'spreads the messages of one key over the members (every shared queue)',
    createBroker: () => {
      let turn = 0;
      return wrapBroker(memory({ partitions: 5 }), () => ({
        send: (messages, go) => go(messages.map((message) => ({ ...message, partition: turn++ % 5 }))),
      }));
    },
    saying: /first handled by .* after .*, which was published later/,
  },
  {
    testCase: 'order-of-a-partition',
    fault: 'puts a failed message behind its successors',
    createBroker: () => requeueing((delayMs) => delayMs),
    saying: /message \d+ of partition \d+ was handled after message/,
  },
  {
    testCase: 'types-of-one-topic-keep-their-order',
    fault: 'hands over one type after the other',
    createBroker: () => rearranging((deliveries) => deliveries.sort((a, b) => (a.type < b.type ? -1 : 1))),
    saying: /the types of key \d alternate as published/,
  },
  {
    testCase: 'a-partition-can-be-named',
    fault: 'confirms a message for a partition that is not there, and stores nothing (kafkajs)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        check: () => undefined,
        send: (messages, go) =>
          go(
            messages.map((message) =>
              message.partition === 99_999 ? { ...message, topic: 'nowhere', partition: 0 } : message,
            ),
          ),
      })),
    saying: /a partition that is not there is refused/,
  },
];
