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
import { isFinal } from '../client/protocol-errors.js';

/** How long the lookup of a topic is retried while one of its partitions has no leader, because an election takes a moment. */
const ELECTION_LIMIT_MS = 15_000;
const ELECTION_PAUSE_MS = 200;

/** Looks topics up, and creates them if provisioning is on. */
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
      `topic ${names} does not exist at ${this.#options.brokers.join(', ')}. Create it (kafka-topics.sh --create --topic ${missing[0]} ...), or let the driver create it: kafka({ provision: { partitions: 6 } }).`,
      { ...(missing[0] === undefined ? {} : { topic: missing[0] }) },
    );
  }

  /** Creates missing topics if provisioning is on. Returns those that still do not exist. */
  async missingOf(topics: readonly string[]): Promise<string[]> {
    const existing = await this.#ask('look up topics', undefined, () => this.#client.describeTopics(topics));
    const missing = topics.filter((topic) => !existing.has(topic));
    const { provision } = this.#options;
    if (provision === false) return missing;
    for (const topic of missing) {
      await this.#ask(`create topic "${topic}"`, topic, () => this.#client.createTopic(topic, provision));
    }
    return [];
  }

  /**
   * Rejects a start offset for a partition that does not exist.
   * @throws TransportError `TRANSPORT_OPTION_CONFLICT`; `TRANSPORT_TOPIC_MISSING`, retryable, while the brokers do not know the topic yet
   */
  async checkStart(subscription: Subscription): Promise<void> {
    const { topic, startFrom } = subscription;
    if (!isStartOffset(startFrom)) return;
    const what = `look up the partitions of topic "${topic}"`;
    const partitions = (await this.#ask(what, topic, () => this.#client.describeTopics([topic]))).get(topic);
    if (partitions !== undefined) return refuseUnknownPartitions('kafka', subscription, partitions);
    throw errorOf('TRANSPORT_TOPIC_MISSING', `cannot ${what}: the brokers do not know it yet.`, {
      topic,
      retryable: true,
    });
  }

  /** Returns replicas and configs of these topics. Missing topics are left out. */
  keepingOf(topics: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>> {
    return this.#ask('read the replication and settings of topics', undefined, () =>
      this.#client.keepingOf(topics, TOPIC_CONFIGS),
    );
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

  /** Retries during a leader election, when Kafka returns no metadata for an existing topic. */
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
