import { isTopicPattern, TransportError } from '../../../contract/index.js';
import { DELAYED } from './ladder.js';
import type { RabbitmqExchangeType, ResolvedRabbitmqOptions } from '../options.js';

/** AMQP names have one byte for their length. */
export const MAX_NAME_BYTES = 255;
/** Reserved for suffixes of a queue name: `:retry-1717986918400-20771`. */
const SUFFIX_BYTES = 32;
/** Prefix of the queue that holds messages of a dead-letter topic until a consumer subscribes. */
const HELD = 'held';
/** Suffix of the queue for messages that the server dropped. */
const DROPPED = 'delivery-limit';
const DEAD_LETTER_WORD = 'dead-letter';

/** The destination of a publish. */
export interface Place {
  readonly exchange: string;
  readonly routingKey: string;
}

/** A binding of a queue. */
export interface Binding {
  readonly exchange: string;
  readonly pattern: string;
}

type Naming = Pick<ResolvedRabbitmqOptions, 'exchange' | 'exchangeType' | 'queueName'>;

/** Returns what is wrong with a topic name; undefined when it is valid. */
export function topicProblem(topic: string, exchangeType: RabbitmqExchangeType): string | undefined {
  if (topic === '') return 'it is empty';
  const bytes = Buffer.byteLength(topic);
  if (bytes > MAX_NAME_BYTES) return `it has ${bytes} bytes, and RabbitMQ allows at most ${MAX_NAME_BYTES}`;
  if (topic.split('.').includes('#'))
    return 'it contains the word "#", which is a wildcard of RabbitMQ; use ">" at the end';
  if (exchangeType === 'fanout' && topic.startsWith('amq.')) return 'RabbitMQ reserves names that start with "amq."';
  return undefined;
}

/** Returns what is wrong with a group name; undefined when it can be part of a queue name. */
export function groupProblem(group: string): string | undefined {
  if (group === '') return 'it is empty';
  if (group.includes(':')) return 'it contains ":", which separates group and topic in queue names';
  if (group === HELD) return `"${HELD}" is reserved for queues that hold dead letters`;
  if (group === DELAYED) return `"${DELAYED}" is reserved for queues that hold delayed messages`;
  return undefined;
}

/** The queue of a group. */
export function queueNameOf({ queueName }: Naming, topic: string, group: string): string {
  return queueName?.(topic, group) ?? `${group}:${topic}`;
}

/**
 * Rejects two subscriptions with the same queue. A queue does not know the topic of its messages, so each subscription would
 * receive messages of the other.
 * @throws TransportError `TRANSPORT_OPTION_CONFLICT`
 */
export function refuseSharedQueues(
  naming: Naming,
  subscriptions: readonly { readonly topic: string; readonly group: string }[],
): void {
  const topics = new Map<string, string>();
  for (const { topic, group } of subscriptions) {
    const queue = queueNameOf(naming, topic, group);
    const other = topics.get(queue);
    if (other !== undefined) {
      const text = `[rabbitmq] the subscriptions "${other}" and "${topic}" of group "${group}" would share queue "${queue}" and receive each other's messages. Return a different name for each from queueName.`;
      throw new TransportError('TRANSPORT_OPTION_CONFLICT', text, { driver: 'rabbitmq', topic });
    }
    topics.set(queue, topic);
  }
}

export function queueProblem(queue: unknown): string | undefined {
  if (typeof queue !== 'string' || queue === '') return 'it must be a text that is not empty';
  if (queue.startsWith('amq.')) return 'RabbitMQ reserves names that start with "amq."';
  const bytes = Buffer.byteLength(queue);
  const most = MAX_NAME_BYTES - SUFFIX_BYTES;
  return bytes > most
    ? `it has ${bytes} bytes, and the limit is ${most}, because the driver appends suffixes to the name`
    : undefined;
}

/** The queue for messages that the server drops from the queues of a group at the delivery-limit of a policy. */
export const droppedQueueOf = (group: string): string => `${group}:${DROPPED}`;

/** The queue that holds messages of a dead-letter topic as long as no group is bound. */
export const heldQueueOf = (topic: string): string => `${HELD}:${topic}`;

export function placeOf({ exchange, exchangeType }: Naming, topic: string): Place {
  return { exchange: exchangeType === 'fanout' ? topic : exchange, routingKey: topic };
}

/**
 * The destination that is tried first for a dead letter: the exchange of groups that subscribe to dead letters. The exchange of all
 * topics is not used, because the queue of a wildcard subscription would receive and drop it.
 */
export function deadLetterPlaceOf(naming: Naming, topic: string): Place {
  if (naming.exchangeType === 'fanout') return placeOf(naming, topic);
  return { exchange: `${naming.exchange}.${DEAD_LETTER_WORD}`, routingKey: topic };
}

/** The bindings of a subscription's queue. They include dead letters if the subscription names a dead-letter topic explicitly. */
export function bindingsOf(naming: Naming, topic: string): Binding[] {
  const pattern = bindingPatternOf(topic);
  const places = [placeOf(naming, topic)];
  const meansDeadLetters = !isTopicPattern(topic) || topic.split('.').at(-1) === DEAD_LETTER_WORD;
  if (meansDeadLetters && naming.exchangeType !== 'fanout') places.push(deadLetterPlaceOf(naming, topic));
  return places.map(({ exchange }) => ({ exchange, pattern }));
}

/** Our `>` is one word or more, RabbitMQ's `#` is none or more. */
export function bindingPatternOf(topic: string): string {
  if (!isTopicPattern(topic)) return topic;
  const words = topic.split('.');
  return words.at(-1) === '>' ? [...words.slice(0, -1), '*', '#'].join('.') : topic;
}

/** @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export function checkTopicName(topic: string, exchangeType: RabbitmqExchangeType): void {
  const problem = topicProblem(topic, exchangeType);
  if (problem === undefined) return;
  throw new TransportError('TRANSPORT_TOPIC_INVALID', `[rabbitmq] topic "${topic}" cannot be used: ${problem}.`, {
    driver: 'rabbitmq',
    topic,
  });
}
