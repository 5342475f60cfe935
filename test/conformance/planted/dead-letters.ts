import { TransportError, WIRE_HEADERS, type Broker, type OutgoingMessage, type SendResult } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { ACK, alteringBroker } from './altered.js';
import type { Planted } from './planted.js';
import { silenceIsTheEnd } from './sharing.js';

export const DEAD_LETTERS: readonly Planted[] = [
  {
    testCase: 'dead-letters-once-with-headers',
    fault: 'sends a request again that was stored',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: async (messages, go) => {
          const repeated = messages.filter(({ topic }) => topic.endsWith('.dead-letter'));
          if (repeated.length > 0) await go(repeated);
          return go(messages);
        },
      })),
    saying: /there is one dead letter/,
  },
  {
    testCase: 'dead-letters-can-be-worked-with',
    fault: 'settles what somebody only looked at',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        receive: (deliveries, go, { group }) => {
          const wait = go(deliveries);
          if (group === 'dead-letter-admin') for (const delivery of deliveries) delivery.settle(ACK);
          return wait;
        },
      })),
    saying: /what was looked at only stays/,
  },
  {
    testCase: 'dead-letters-can-be-worked-with',
    fault: 'settles for a second of silence, and shows a part of the dead letters as if it were all',
    createBroker: silenceIsTheEnd,
    saying: /all dead letters are shown, also while the broker stalls/,
    options: { deadlineMs: 5_000 },
  },
  {
    testCase: 'a-letter-may-be-larger-than-its-original',
    fault: 'answers that a letter above its limit may be stored later',
    createBroker: () => aboveLimit((message) => notStoredNow(message)),
    saying: /2 messages are settled: not within/,
  },
  {
    testCase: 'a-letter-may-be-larger-than-its-original',
    fault: 'cuts the body of a letter above its limit',
    createBroker: () => aboveLimit((message) => ({ ...message, body: message.body?.subarray(0, 1_000) ?? null })),
    saying: /the dead letter has the whole body/,
  },
  {
    testCase: 'every-failure-is-a-dead-letter',
    fault: 'takes a second dead letter of a message for a duplicate (JetStream, by Nats-Msg-Id)',
    createBroker: () => detectingDuplicates(),
    saying: /dead letter 2 is stored/,
  },
  {
    testCase: 'groups-share-a-dead-letter-topic',
    fault: 'takes the dead letter of another group for a duplicate (JetStream, by Nats-Msg-Id)',
    createBroker: () => detectingDuplicates(),
    saying: /each group has a dead letter/,
  },
  {
    testCase: 'dead-letter-is-confirmed-first',
    fault: 'settles a message as soon as it is delivered (no-ack: kratos-transport, RabbitMQ; FastStream, Kafka)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        receive: (deliveries, go) => (deliveries.forEach((delivery) => delivery.settle(ACK)), go(deliveries)),
      })),
    saying: /1 messages are settled: not within/,
  },
  {
    testCase: 'dead-letter-that-cannot-be-stored',
    fault: 'settles a message that waits (Dapr: the error of a dead letter is ignored)',
    createBroker: () => alteringBroker(memory(), (delivery) => ({ park: () => void delivery.settle(ACK) })),
    saying: /the original stays unsettled/,
  },
  {
    testCase: 'undecodable-messages-are-dead-lettered',
    fault: 'skips what it cannot read (MassTransit, Kafka)',
    createBroker: skippingUnreadable,
    saying: /7 messages are settled: not within/,
  },
  {
    testCase: 'content-types-decide-who-reads',
    fault: 'loses what a message says it is written in',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => ({
        header: (name) => (name === 'content-type' ? undefined : delivery.header(name)),
      })),
    saying: /both formats arrive/,
  },
  {
    testCase: 'schema-failures-name-the-field',
    fault: 'cuts headers at sixty characters',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: (messages, go) => go(messages.map((message) => ({ ...message, headers: cut(message.headers ?? {}) }))),
      })),
    saying: /items\\\[0\\\]/,
  },
  {
    testCase: 'unknown-types-go-by-policy',
    fault: 'loses the type of a message',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => ({
        type: delivery.topic,
        header: (name) => (name === WIRE_HEADERS.type ? undefined : delivery.header(name)),
      })),
    saying: /dropped/,
  },
];

function skippingUnreadable(): Broker {
  return wrapBroker(memory(), () => ({
    receive: (deliveries, go) => go(deliveries.filter((delivery) => isJson(delivery.body) || !delivery.settle(ACK))),
  }));
}

/** A driver that does something else with dead letters of more than a mebibyte. */
function aboveLimit(instead: (letter: OutgoingMessage) => OutgoingMessage | TransportError): Broker {
  return wrapBroker(memory(), () => ({
    send: async (messages, go) => {
      const results: SendResult[] = [];
      for (const message of messages) {
        const sent = isLarge(message) ? instead(message) : message;
        results.push(sent instanceof TransportError ? sent : ((await go([sent]))[0] as SendResult));
      }
      return results;
    },
  }));
}

const isLarge = ({ topic, body }: OutgoingMessage): boolean =>
  topic.endsWith('.dead-letter') && (body?.length ?? 0) > 900_000;

function notStoredNow({ topic }: OutgoingMessage): TransportError {
  return new TransportError('TRANSPORT_PUBLISH_FAILED', 'too large', { topic, stored: 'no', retryable: true });
}

function detectingDuplicates(): Broker {
  const stored = new Set<string>();
  const isNew = ({ topic, id, isRepeated }: OutgoingMessage): boolean =>
    isRepeated === true || !stored.has(`${topic} ${id}`);
  return wrapBroker(memory(), () => ({
    send: async (messages, go) => {
      const fresh = messages.filter(isNew);
      fresh.forEach(({ topic, id }) => stored.add(`${topic} ${id}`));
      if (fresh.length > 0) await go(fresh);
      return messages.map(({ id, topic }) => ({ id, topic, partition: undefined, offset: undefined }));
    },
  }));
}

function isJson(body: Buffer | null): boolean {
  try {
    JSON.parse(String(body));
    return true;
  } catch {
    return false;
  }
}

const cut = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.slice(0, 60)]));
