import type { Clock } from '../../../contract/index.js';
import {
  ClientFailure,
  type ClientProducer,
  type KafkaClient,
  type OutgoingRecord,
  type SendOutcome,
  type TopicSettings,
} from '../client/seam.js';

/** How long a cached partition count may reject a message. */
const COUNT_AGE_MS = 10_000;
/** Pause before a second lookup, because another broker may have created the topic a moment ago. */
const SECOND_LOOK_MS = 250;

/** Nothing was sent, because these topics do not exist and could not be created. */
export class MissingTopics extends Error {
  constructor(readonly failures: ReadonlyMap<string, ClientFailure>) {
    super([...failures.keys()].join(', '));
  }
}

/**
 * Keeps the current producer and the partition counts of its topics. A kafkajs producer does not recover from a deleted topic,
 * added partitions or an unknown outcome, so it is replaced after each of them.
 */
export class ProducerKeeper {
  readonly #clock: Clock;
  readonly #client: KafkaClient;
  readonly #provision: TopicSettings | false;
  readonly #counts = new Map<string, { count: number; atMs: number }>();
  /** Topics that the current producer has seen. */
  #known = new Set<string>();
  #producer: Promise<ClientProducer> | undefined;
  #current: ClientProducer | undefined;
  /** Sends in flight, by producer. */
  readonly #sending = new Map<ClientProducer, number>();
  /** Discarded producers that are still open for their sends in flight. */
  readonly #discarded = new Set<ClientProducer>();

  /** @param provision settings for missing topics, which are created; false creates none */
  constructor(clock: Clock, client: KafkaClient, provision: TopicSettings | false) {
    this.#clock = clock;
    this.#client = client;
    this.#provision = provision;
  }

  /** Returns the cached partition count of a topic; undefined when it is unknown or too old. */
  countPartitions(topic: string): number | undefined {
    const known = this.#counts.get(topic);
    return known !== undefined && this.#clock.monotonicMs() - known.atMs < COUNT_AGE_MS ? known.count : undefined;
  }

  /** Returns the producer once all topics are known to exist. @throws MissingTopics, ClientFailure */
  async open(topics: ReadonlySet<string>): Promise<ClientProducer> {
    await this.#findTopics(topics);
    return this.#open();
  }

  /**
   * Replaces the producer. After an unknown outcome the sequence numbers of kafkajs and broker may differ. The broker could then take
   * the next request for a duplicate of the lost one and confirm it without storing it. A new producer has new sequence numbers.
   */
  discard(producer: ClientProducer): void {
    if (this.#current !== producer) return;
    this.#current = undefined;
    this.#producer = undefined;
    this.#known = new Set();
    this.#discarded.add(producer);
    this.#closeIdle(producer);
  }

  /** Sends with a producer that stays open until the outcome is known, even if a failure of another topic discards it. */
  async send(producer: ClientProducer, records: ReadonlyMap<string, readonly OutgoingRecord[]>): Promise<SendOutcome> {
    this.#sending.set(producer, (this.#sending.get(producer) ?? 0) + 1);
    const outcome = await producer.send(records);
    const left = (this.#sending.get(producer) as number) - 1;
    if (left > 0) this.#sending.set(producer, left);
    else this.#sending.delete(producer);
    this.#closeIdle(producer);
    return outcome;
  }

  /** Discards the current producer, so that the next one has fresh metadata. */
  async renew(): Promise<void> {
    this.discard(await this.#open());
  }

  /** Returns the current partition counts; undefined when no broker responds. */
  async lookAgain(topics: readonly string[]): Promise<ReadonlyMap<string, number> | undefined> {
    const counts = await this.#client.describeTopics(topics).catch(() => undefined);
    if (counts !== undefined) this.#remember(counts);
    return counts;
  }

  /** Closes all producers. One that is still opening may take long, so it is closed later and not awaited. */
  async close(): Promise<void> {
    const opening = this.#producer;
    this.#producer = undefined;
    const current = this.#current;
    if (current === undefined) void opening?.then(closeLate, () => undefined);
    const open = current === undefined ? [...this.#discarded] : [current, ...this.#discarded];
    this.#discarded.clear();
    await Promise.all(open.map((each) => each.close()));
  }

  #closeIdle(producer: ClientProducer): void {
    if (this.#sending.has(producer) || !this.#discarded.delete(producer)) return;
    void producer.close();
  }

  #open(): Promise<ClientProducer> {
    if (this.#producer === undefined) {
      const opening = this.#client.openProducer();
      this.#producer = opening;
      opening.then(
        (producer) => (this.#current = producer),
        () => (this.#producer = undefined),
      );
    }
    return this.#producer;
  }

  /** Looks topics up first, because kafkajs retries an unknown topic for seconds and would delay all sends. */
  async #findTopics(topics: ReadonlySet<string>): Promise<void> {
    const unknown = [...topics].filter((topic) => !this.#known.has(topic));
    if (unknown.length === 0) return;
    await this.#forgetDeleted();
    const { found, refused } = await this.#findOrCreate(unknown);
    const missing = unknown.filter((topic) => !found.has(topic));
    if (missing.length > 0)
      throw new MissingTopics(new Map(missing.map((topic) => [topic, refused.get(topic) ?? NO_TOPIC])));
    for (const topic of found.keys()) this.#known.add(topic);
    this.#remember(found);
  }

  async #findOrCreate(topics: readonly string[]): Promise<FoundTopics> {
    let found = await this.#client.describeTopics(topics);
    if (found.size === topics.length) return { found, refused: new Map() };
    const refused = await this.#create(topics.filter((topic) => !found.has(topic)));
    if (this.#provision !== false) found = await this.#client.describeTopics(topics);
    if (found.size + refused.size >= topics.length) return { found, refused };
    await new Promise<void>((resolve) => this.#clock.schedule(SECOND_LOOK_MS, resolve));
    return { found: await this.#client.describeTopics(topics), refused };
  }

  /** Creates topics if provisioning is on. Returns the failures by topic. */
  async #create(topics: readonly string[]): Promise<Map<string, ClientFailure>> {
    const refused = new Map<string, ClientFailure>();
    if (this.#provision === false) return refused;
    for (const topic of topics) {
      try {
        await this.#client.createTopic(topic, this.#provision);
      } catch (error) {
        if (!(error instanceof ClientFailure)) throw error;
        refused.set(topic, error);
      }
    }
    return refused;
  }

  /** A producer that knows a deleted topic cannot learn a new one, because kafkajs fetches the metadata of all its topics at once. */
  async #forgetDeleted(): Promise<void> {
    const producer = this.#producer;
    // A copy, because concurrent sends add topics while this waits.
    const known = [...this.#known];
    if (producer === undefined || known.length === 0) return;
    const found = await this.#client.describeTopics(known);
    if (found.size < known.length) this.discard(await producer);
  }

  #remember(counts: ReadonlyMap<string, number>): void {
    const atMs = this.#clock.monotonicMs();
    for (const [topic, count] of counts) this.#counts.set(topic, { count, atMs });
  }
}

const closeLate = (producer: ClientProducer): void => void producer.close();

interface FoundTopics {
  /** Partition counts by topic. */
  readonly found: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, ClientFailure>;
}

const NO_TOPIC = new ClientFailure('protocol', 'the topic does not exist', { protocol: 'UNKNOWN_TOPIC_OR_PARTITION' });
