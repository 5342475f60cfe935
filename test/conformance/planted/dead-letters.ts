import { WIRE_HEADERS, type Broker } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { ACK, alteringBroker } from './altered.js';
import type { Planted } from './planted.js';
import { silenceIsTheEnd } from './sharing.js';

export const DEAD_LETTERS: readonly Planted[] = [
  {
    promise: 'dead-letters-once-with-headers',
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
    promise: 'dead-letters-can-be-worked-with',
    fault: 'settles what somebody only looked at',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        receive: (deliveries, go, { group }) => {
          const wait = go(deliveries);
          if (group === 'dead-letter-desk') for (const delivery of deliveries) delivery.settle(ACK);
          return wait;
        },
      })),
    saying: /what was looked at only stays/,
  },
  {
    promise: 'dead-letters-can-be-worked-with',
    fault: 'settles for a second of silence, and shows a part of the dead letters as if it were all',
    createBroker: silenceIsTheEnd,
    saying: /all dead letters are shown, also while the broker stalls/,
    options: { deadlineMs: 5_000 },
  },
  {
    promise: 'dead-letter-is-confirmed-first',
    fault: 'settles a message as soon as it is delivered (no-ack: kratos-transport, RabbitMQ; FastStream, Kafka)',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        receive: (deliveries, go) => (deliveries.forEach((delivery) => delivery.settle(ACK)), go(deliveries)),
      })),
    saying: /1 messages are settled: not within/,
  },
  {
    promise: 'dead-letter-that-cannot-be-stored',
    fault: 'settles a message that waits (Dapr: the error of a dead letter is ignored)',
    createBroker: () => alteringBroker(memory(), (delivery) => ({ park: () => void delivery.settle(ACK) })),
    saying: /the original stays unsettled/,
  },
  {
    promise: 'undecodable-messages-are-dead-lettered',
    fault: 'skips what it cannot read (MassTransit, Kafka)',
    createBroker: skippingUnreadable,
    saying: /7 messages are settled: not within/,
  },
  {
    promise: 'content-types-decide-who-reads',
    fault: 'loses what a message says it is written in',
    createBroker: () =>
      alteringBroker(memory(), (delivery) => ({
        header: (name) => (name === 'content-type' ? undefined : delivery.header(name)),
      })),
    saying: /both formats arrive/,
  },
  {
    promise: 'schema-failures-name-the-field',
    fault: 'cuts headers at sixty characters',
    createBroker: () =>
      wrapBroker(memory(), () => ({
        send: (messages, go) => go(messages.map((message) => ({ ...message, headers: cut(message.headers ?? {}) }))),
      })),
    saying: /items\\\[0\\\]/,
  },
  {
    promise: 'unknown-types-go-by-policy',
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
