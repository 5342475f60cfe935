import { isTopicPattern, matchesTopic, nameOfPattern, TransportError } from '../../contract/index.js';
import type { ResolvedMemoryOptions } from './options.js';
import { WaitingMessages } from './waiting-messages.js';
import { MemoryTopic } from './topic.js';

/** What Kafka takes as the name of a topic; NSQ takes 64 characters of the same. */
const NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

interface TopicWatch {
  readonly pattern: string;
  readonly found: (topic: MemoryTopic) => void;
}

/** All topics of one memory broker, shared by every application that was given the same `memory()` value. */
export class MemoryStore {
  readonly options: ResolvedMemoryOptions;
  readonly waiting = new WaitingMessages();
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #watches = new Set<TopicWatch>();

  constructor(options: ResolvedMemoryOptions) {
    this.options = options;
  }

  /** The topic of this name; made on first use. @throws TransportError `TRANSPORT_TOPIC_INVALID` */
  topic(name: string): MemoryTopic {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    checkName('TRANSPORT_TOPIC_INVALID', 'topic', name);
    const topic = new MemoryTopic(this.options);
    this.#topics.set(name, topic);
    for (const { pattern, found } of this.#watches) if (matchesTopic(pattern, name)) found(topic);
    return topic;
  }

  /**
   * Calls `found` with the topic, or with each that a pattern matches: those that are there and, until the returned
   * function is called, those to come.
   */
  watch(pattern: string, found: (topic: MemoryTopic) => void): () => void {
    if (!isTopicPattern(pattern)) {
      found(this.topic(pattern));
      return () => undefined;
    }
    const watch = { pattern, found };
    this.#watches.add(watch);
    for (const [name, topic] of this.#topics) if (matchesTopic(pattern, name)) found(topic);
    return () => void this.#watches.delete(watch);
  }
}

/** A pattern is as good as a name that it could match. @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export const checkTopicOrPattern = (topic: string): void =>
  checkName('TRANSPORT_TOPIC_INVALID', 'topic', nameOfPattern(topic));

export function checkName(
  code: 'TRANSPORT_TOPIC_INVALID' | 'TRANSPORT_GROUP_INVALID',
  what: string,
  name: string,
): void {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw new TransportError(
    code,
    `[memory] ${JSON.stringify(name)} cannot be the name of a ${what}: 1 to 249 letters, digits, ".", "_" or "-".`,
    { driver: 'memory', stored: 'no' },
  );
}
