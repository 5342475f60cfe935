import { setTimeout as pause } from 'node:timers/promises';
import { TransportError, type Broker, type OutgoingMessage, type SendResult } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import type { ConformanceOptions } from 'nest-transport/conformance';
import { scriptedFaults, wrapBroker } from 'nest-transport/testing';
import type { Planted } from './planted.js';

export const PUBLISHING: readonly Planted[] = [
  {
    testCase: 'publish-failures-surface',
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
    testCase: 'concurrent-senders-keep-apart',
    fault: 'takes each confirmation for the oldest request under way',
    createBroker: confirmingTheOldest,
    saying: /each result belongs to its message/,
    options: { deadlineMs: 5_000 },
  },
  {
    testCase: 'concurrent-senders-keep-apart',
    fault: 'writes the messages of one request over several connections',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: async (messages, go) => {
          const writes = messages.map(async (message, index) => {
            await pause((messages.length - index) * 4);
            return go([message]);
          });
          return (await Promise.all(writes)).flat();
        },
      })),
    saying: /the order of "[^"]+" is kept/,
    options: { deadlineMs: 5_000 },
  },
  {
    testCase: 'concurrent-senders-keep-apart',
    fault: 'forgets a request when one for another topic follows',
    createBroker: overwritingRequests,
    saying: /messages are settled: not within/,
  },
  {
    testCase: 'a-stuck-topic-delays-only-itself',
    fault: 'has one request under way for all topics',
    ...stalled((broker) => {
      let last: Promise<unknown> = Promise.resolve();
      return wrapBroker(broker, () => ({
        send: (messages, go) => {
          const sent = last.then(() => go(messages));
          last = sent;
          return sent;
        },
      }));
    }),
    saying: /publishes to another topic are confirmed: not within|was not confirmed within/,
  },
  {
    testCase: 'a-message-can-wait',
    fault: 'forgets for when a message is (nsqd, when it is restarted)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: (messages, go) => go(messages.map(({ deliverAtMs: _, ...message }) => message)),
      })),
    saying: /it came after \d+ ms instead of 1500|what is not for later comes at once/,
  },
  {
    testCase: 'oversize-messages-are-refused-alone',
    fault: 'knows its limit only later',
    createBroker: () => withoutLimit(memory()),
    saying: /bytes are refused where the limit is/,
  },
  {
    testCase: 'publishing-needs-an-open-application',
    fault: 'does not look at topic names before it sends',
    createBroker: () => wrapBroker(memory(), () => ({ check: () => undefined })),
    saying: /TRANSPORT_TOPIC_INVALID/,
  },
  {
    testCase: 'closing-flushes-publishes',
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

function confirmingTheOldest(): Broker {
  return wrapBroker(memory(), () => {
    const waiting: ((results: readonly SendResult[]) => void)[] = [];
    let turn = 0;
    return {
      send: (messages, go) => {
        const delayMs = turn++ % 3;
        void pause(delayMs * 4)
          .then(() => go(messages))
          .then((results) => waiting.shift()?.(results));
        return new Promise((resolve) => waiting.push(resolve));
      },
    };
  });
}

function overwritingRequests(): Broker {
  return wrapBroker(memory(), () => {
    let newest: readonly OutgoingMessage[] = [];
    return {
      send: async (messages, go) => {
        newest = messages;
        await pause(1);
        if (newest === messages) return go(messages);
        return messages.map(receiptFor);
      },
    };
  });
}

/** A driver in front of a server that can be stopped from answering for one topic. */
function stalled(driver: (broker: Broker) => Broker): {
  readonly createBroker: () => Broker;
  readonly options: Partial<ConformanceOptions>;
} {
  const server = scriptedFaults(memory());
  const stall = (topic: string) => {
    const held = server.faults.hold(topic);
    return () => held.release();
  };
  return { createBroker: () => driver(server), options: { stall, deadlineMs: 3_000 } };
}
