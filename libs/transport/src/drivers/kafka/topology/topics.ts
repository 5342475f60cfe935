import {
  isStartOffset,
  refuseUnknownPartitions,
  TransportError,
  type Clock,
  type Subscription,
} from '../../../contract/index.js';
import { ClientFailure, type KafkaClient, type TopicKeeping } from '../client/seam.js';
import { TOPIC_CONFIGS } from './facts.js';
import { sleep } from '../../kit/waits.js';
import { errorOf, topicProblem, transportError } from '../mapping.js';
import type { ResolvedKafkaOptions } from '../options.js';
import { isFinal } from './protocol-errors.js';

/** A topic is looked up again for this long while one of its partitions has no leader: another broker is about to become it. */
const ELECTION_LIMIT_MS = 15_000;
const ELECTION_PAUSE_MS = 200;

/** Looks topics up, and creates them where the driver was asked to. */
export class Topics {
  readonly #client: KafkaClient;
  readonly #options: ResolvedKafkaOptions;
  readonly #clock: Clock;

  constructor(client: KafkaClient, options: ResolvedKafkaOptions, clock: Clock) {
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
  }

  /** @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_AUTHORIZATION_FAILED` */
  async ensure(topics: readonly string[]): Promise<void> {
    for (const topic of topics) checkTopicName(topic);
    const missing = await this.missingOf([...new Set(topics)]);
    if (missing.length === 0) return;
    const names = missing.map((topic) => `"${topic}"`).join(', ');
    throw errorOf(
      'TRANSPORT_TOPIC_MISSING',
      `topic ${names} does not exist at ${this.#options.brokers.join(', ')}. Create it (kafka-topics.sh --create --topic ${missing[0]} ...), or let the driver do it: kafka({ provision: { partitions: 6 } }).`,
      { ...(missing[0] === undefined ? {} : { topic: missing[0] }) },
    );
  }

  /** Those that do not exist, after having created what may be created. */
  async missingOf(topics: readonly string[]): Promise<string[]> {
    const existing = await this.#ask('look for topics', undefined, () => this.#client.describeTopics(topics));
    const missing = topics.filter((topic) => !existing.has(topic));
    const { provision } = this.#options;
    if (provision === false) return missing;
    for (const topic of missing) {
      await this.#ask(`create topic "${topic}"`, topic, () => this.#client.createTopic(topic, provision));
    }
    return [];
  }

  /**
   * Refuses an offset of a partition that is not there.
   * @throws TransportError `TRANSPORT_OPTION_CONFLICT`; `TRANSPORT_TOPIC_MISSING`, retryable, while the topic is not known to everybody yet
   */
  async checkStart(subscription: Subscription): Promise<void> {
    const { topic, startFrom } = subscription;
    if (!isStartOffset(startFrom)) return;
    const what = `look for the partitions of topic "${topic}"`;
    const partitions = (await this.#ask(what, topic, () => this.#client.describeTopics([topic]))).get(topic);
    if (partitions !== undefined) return refuseUnknownPartitions('kafka', subscription, partitions);
    throw errorOf('TRANSPORT_TOPIC_MISSING', `cannot ${what}: it is not known yet.`, { topic, retryable: true });
  }

  /** How the cluster keeps these topics; those that do not exist are left out. */
  keepingOf(topics: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>> {
    return this.#ask('look how topics are kept', undefined, () => this.#client.keepingOf(topics, TOPIC_CONFIGS));
  }

  async #ask<Result>(what: string, topic: string | undefined, action: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#afterElection(action);
    } catch (error) {
      if (!(error instanceof ClientFailure)) throw error;
      const { brokers, tls } = this.#options;
      const place = { what: `cannot ${what}`, brokers, topic, tls: tls !== undefined };
      throw isFinal(error.protocol ?? '') ? transportError(error, place, false) : transportError(error, place);
    }
  }

  /** n.b. Kafka answers nothing of a topic of which a partition has no leader, although the topic is there. */
  async #afterElection<Result>(action: () => Promise<Result>): Promise<Result> {
    const deadline = this.#clock.monotonicMs() + ELECTION_LIMIT_MS;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        const isElection = error instanceof ClientFailure && error.protocol === 'LEADER_NOT_AVAILABLE';
        if (!isElection || this.#clock.monotonicMs() > deadline) throw error;
        await sleep(this.#clock, ELECTION_PAUSE_MS);
      }
    }
  }
}

/** @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export function checkTopicName(topic: string): void {
  const problem = topicProblem(topic);
  if (problem !== undefined) {
    throw new TransportError('TRANSPORT_TOPIC_INVALID', `[kafka] topic "${topic}" cannot be used: ${problem}.`, {
      driver: 'kafka',
      topic,
    });
  }
}
