import { isTopicPattern, TransportError } from '../../../contract/index.js';
import { DELAYED } from './ladder.js';
import type { RabbitmqExchangeType, ResolvedRabbitmqOptions } from '../options.js';

/** AMQP writes names with one byte for their length. */
export const MAX_NAME_BYTES = 255;
/** Room for what is put behind a queue's name: `:retry-1717986918400-20771`. */
const SUFFIX_BYTES = 32;
/** Stands in front of the queue that keeps a dead-letter topic's messages until somebody subscribes. */
const HELD = 'held';
/** Stands behind the group in the name of the queue for what the server dropped. */
const DROPPED = 'delivery-limit';
const DEAD_LETTER_WORD = 'dead-letter';

/** Where a message is published to. */
export interface Place {
  readonly exchange: string;
  readonly routingKey: string;
}

/** A queue's tie to an exchange. */
export interface Binding {
  readonly exchange: string;
  readonly pattern: string;
}

type Naming = Pick<ResolvedRabbitmqOptions, 'exchange' | 'exchangeType' | 'queueName'>;

/** What is wrong with a topic's name; undefined when RabbitMQ takes it. */
export function topicProblem(topic: string, exchangeType: RabbitmqExchangeType): string | undefined {
  if (topic === '') return 'it is empty';
  const bytes = Buffer.byteLength(topic);
  if (bytes > MAX_NAME_BYTES) return `it has ${bytes} bytes, and RabbitMQ allows at most ${MAX_NAME_BYTES}`;
  if (topic.split('.').includes('#'))
    return 'it contains the word "#", which is a wildcard of RabbitMQ; use ">" at the end';
  if (exchangeType === 'fanout' && topic.startsWith('amq.'))
    return 'RabbitMQ reserves names that start with "amq."';
  return undefined;
}

/** What is wrong with a group's name; undefined when it can be part of a queue's. */
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
 * A queue does not say which topic a message in it belongs to, so two subscriptions of one would get each other's messages.
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
  return bytes > most ? `it has ${bytes} bytes, and the limit is ${most}, because the driver appends suffixes to the name` : undefined;
}

/** The queue that gets what the server drops from the queues of a group, because a policy limits deliveries. */
export const droppedQueueOf = (group: string): string => `${group}:${DROPPED}`;

/** The queue that keeps a dead-letter topic's messages as long as no group does. */
export const heldQueueOf = (topic: string): string => `${HELD}:${topic}`;

export function placeOf({ exchange, exchangeType }: Naming, topic: string): Place {
  return { exchange: exchangeType === 'fanout' ? topic : exchange, routingKey: topic };
}

/**
 * Where a dead letter goes first: to the groups that want it, if there are any. n.b. not to the exchange of all topics,
 * where the queue of a pattern would count as somebody who wants it, and drop it.
 */
export function deadLetterPlaceOf(naming: Naming, topic: string): Place {
  if (naming.exchangeType === 'fanout') return placeOf(naming, topic);
  return { exchange: `${naming.exchange}.${DEAD_LETTER_WORD}`, routingKey: topic };
}

/** What ties the queue of a subscription to its messages, dead letters included where it asks for them by name. */
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
