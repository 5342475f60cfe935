import { isTopicPattern, matchesTopic, nameOfPattern, TransportError } from '../../contract/index.js';
import type { ResolvedMemoryOptions } from './options.js';
import { WaitingMessages } from './waiting-messages.js';
import { MemoryTopic } from './topic.js';

/** The topic names that Kafka allows. NSQ allows 64 of these characters. */
const NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;

interface TopicWatch {
  readonly pattern: string;
  readonly found: (topic: MemoryTopic) => void;
}

/** All topics of one memory broker, shared by all applications that use the same `memory()` value. */
export class MemoryStore {
  readonly options: ResolvedMemoryOptions;
  readonly waiting = new WaitingMessages();
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #watches = new Set<TopicWatch>();

  constructor(options: ResolvedMemoryOptions) {
    this.options = options;
  }

  /** Returns the topic of this name, which is created on first use. @throws TransportError `TRANSPORT_TOPIC_INVALID` */
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
   * Calls `found` with the topic, or with each topic that a pattern matches: existing ones and, until the returned function is
   * called, new ones.
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

/** Checks a topic name, or a pattern by a name that it matches. @throws TransportError `TRANSPORT_TOPIC_INVALID` */
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
    `[memory] ${JSON.stringify(name)} is not a valid ${what} name. Use 1 to 249 letters, digits, ".", "_" or "-".`,
    { driver: 'memory', stored: 'no' },
  );
}
