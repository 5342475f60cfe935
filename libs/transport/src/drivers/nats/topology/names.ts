import { createHash } from 'node:crypto';
import { isTopicPattern, matchesTopic, type Subscription } from '../../../contract/index.js';
import { errorOf } from '../client/failures.js';
import type { NatsOptions } from '../options.js';
import { isWaitingSubject, WAITING } from './waiting-subjects.js';

const MAX_TOPIC_LENGTH = 255;
/** nats-server takes longer names, but makes files of them. */
const MAX_NAME_LENGTH = 120;
/** Parts of this shape can be told apart in a joined name; everything else gets a hash behind it. */
const UNAMBIGUOUS = /^[A-Za-z0-9]+(\.[A-Za-z0-9]+)*$/;

/** Why a text cannot be a topic (a NATS subject); patterns are no names and are refused here too. */
export function topicProblem(topic: string): string | undefined {
  if (topic === '') return 'it is empty';
  if (topic.length > MAX_TOPIC_LENGTH) return `it has ${topic.length} characters, and at most ${MAX_TOPIC_LENGTH} fit`;
  const wrong = /[^\x21-\x7e]/u.exec(topic)?.[0];
  if (wrong !== undefined) return `it contains ${JSON.stringify(wrong)}, and only printable ASCII without spaces fits`;
  if (topic.split('.').includes('')) return 'it has an empty word: words are separated by single dots';
  if (/^(\$|_INBOX([._-]|$))/.test(topic)) return 'names that begin with "$" or "_INBOX" are the server\'s own';
  if (topic === WAITING || isWaitingSubject(topic)) return `"${WAITING}" is where messages for later wait`;
  const wild = topic.split('.').find((word) => word === '*' || word === '>');
  return wild === undefined ? undefined : `"${wild}" makes it a pattern, and this has to be a name`;
}

/** The same, for what is subscribed to: `*` may stand for a word, and `>` for the last ones. */
export function subscribedTopicProblem(topic: string): string | undefined {
  if (!isTopicPattern(topic)) return topicProblem(topic);
  const words = topic.split('.').map((word, index, all) => {
    return word === '*' || (word === '>' && index === all.length - 1) ? 'any' : word;
  });
  return topicProblem(words.join('.'));
}

/** Whether everything that one name or pattern takes is taken by another too. */
export function covers(general: string, special: string): boolean {
  const endless = (topic: string): boolean => topic === '>' || topic.endsWith('.>');
  return matchesTopic(general, special) && (!endless(special) || endless(general));
}

/**
 * A name for a stream or a consumer: dots become `_`, parts are joined by `-`, and what would be ambiguous or illegal gets a
 * hash behind it. The same parts give the same name in every process.
 *
 * ```
 * order.created                    order_created
 * inventory, order.created         inventory-order_created
 * stock-service, order.created     stock-service-order_created-5f0c6f2a
 * ```
 */
export function legalName(...parts: readonly string[]): string {
  const readable = parts.map(legalPart).join('-');
  if (parts.every((part) => UNAMBIGUOUS.test(part)) && readable.length <= MAX_NAME_LENGTH) return readable;
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
  return `${readable.slice(0, MAX_NAME_LENGTH - hash.length - 1)}-${hash}`;
}

/** The durable consumer of a subscription. */
export function consumerNameOf(
  { consumerName }: Pick<NatsOptions, 'consumerName'>,
  { group, topic }: Pick<Subscription, 'group' | 'topic'>,
): string {
  const name: unknown = consumerName?.({ group, topic });
  if (name === undefined) return legalName(group, topic);
  if (typeof name === 'string' && name !== '') return name;
  const text = `consumerName must return a text that is not empty, or undefined for the default name, and returned ${JSON.stringify(name)} for topic "${topic}" and group "${group}".`;
  throw errorOf('TRANSPORT_OPTION_INVALID', text, { topic });
}

const legalPart = (part: string): string =>
  part
    .split('.')
    .map((word) => (word === '*' ? 'any' : word === '>' ? 'all' : word))
    .join('_')
    .replace(/[^A-Za-z0-9_=-]/g, '_');
