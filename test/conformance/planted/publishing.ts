import { TransportError, type Broker, type OutgoingMessage } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import type { Planted } from './planted.js';

export const PUBLISHING: readonly Planted[] = [
  {
    promise: 'publish-failures-surface',
    fault: 'swallows the errors of a publish (kratos-transport, RabbitMQ; go-queue)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: async (messages, go) =>
          (await go(messages)).map((result, index) =>
            result instanceof TransportError ? receiptFor(messages[index] as OutgoingMessage) : result,
          ),
      })),
    saying: /a producer that is closed tells so for each message, and never a receipt/,
  },
  {
    promise: 'a-message-can-wait',
    fault: 'forgets for when a message is (nsqd, when it is restarted)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: (messages, go) => go(messages.map(({ deliverAtMs: _, ...message }) => message)),
      })),
    saying: /it came after \d+ ms instead of 1500|what is not for later comes at once/,
  },
  {
    promise: 'oversize-messages-are-refused-alone',
    fault: 'knows its limit only later',
    createBroker: () => withoutLimit(memory()),
    saying: /bytes are refused where the limit is/,
  },
  {
    promise: 'publishing-needs-an-open-application',
    fault: 'does not look at topic names before it sends',
    createBroker: () => wrapBroker(memory(), () => ({ check: () => undefined })),
    saying: /TRANSPORT_TOPIC_INVALID/,
  },
  {
    promise: 'closing-flushes-publishes',
    fault:
      'confirms what is only in a buffer, and forgets the buffer at the end (kratos-transport, Kafka; kafka-go, Async)',
    createBroker: fireAndForget,
    saying: /500 messages are settled: not within/,
  },
];

const receiptFor = ({ id, topic }: OutgoingMessage) => ({ id, topic, partition: undefined, offset: undefined });

function withoutLimit(broker: Broker): Broker {
  return {
    driver: broker.driver,
    capabilities: broker.capabilities,
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => {
      const connection = broker.open(host);
      const { producer } = connection;
      return Object.assign(connection, {
        producer: {
          maxBytes: Number.NaN,
          maxRequestBytes: producer.maxRequestBytes,
          check: producer.check.bind(producer),
          send: producer.send.bind(producer),
          close: () => undefined,
        },
      });
    },
  };
}

function fireAndForget(): Broker {
  return wrapBroker(memory(), () => {
    const buffered = new Set<NodeJS.Timeout>();
    return {
      send: (messages, go) => {
        buffered.add(setTimeout(() => void go(messages), 20));
        return Promise.resolve(messages.map(receiptFor));
      },
      close: (go) => (buffered.forEach((timer) => clearTimeout(timer)), go()),
    };
  });
}
