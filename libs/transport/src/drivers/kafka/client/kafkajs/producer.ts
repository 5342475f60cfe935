import type * as KafkaJs from 'kafkajs';
import type { ResolvedKafkaOptions } from '../../options.js';
import { byKey, roundRobin, type ChoosePartition } from '../../publishing/partitioner.js';
import type { ClientProducer, OutgoingRecord, SendOutcome, StoredPartition } from '../seam.js';
import { compressionType } from './codecs.js';
import { toFailure, type Attempts } from './failures.js';
import { groupingItself } from './grouping-itself.js';
import type { Leaders } from './leaders.js';
import { atMost, CLOSE_LIMIT_MS, newKafka, QUICK_RETRY, unlessClosed, type OwnKafka } from './settings.js';
import { PRODUCE_API_KEY, type ProduceCount } from './sockets.js';

const ACKS = { all: -1, leader: 1 } as const;

/**
 * Wraps kafkajs' producer. The driver adds what it lacks: batching (it has no linger), noticing that a partition does not exist
 * (it resolves without it), and recovering from an unknown topic or an unknown outcome.
 */
export class KafkaJsProducer implements ClientProducer {
  readonly #own: OwnKafka;
  readonly #producer: KafkaJs.Producer;
  readonly #leaders: Leaders;
  readonly #choose: ChoosePartition;
  readonly #sending: { acks: number; compression: KafkaJs.CompressionTypes; timeout: number };

  private constructor(kafkajs: typeof KafkaJs, options: ResolvedKafkaOptions, clientId: string, leaders: Leaders) {
    this.#leaders = leaders;
    this.#choose = options.partitioner === 'key' ? byKey() : roundRobin();
    this.#own = newKafka(kafkajs, options, clientId, { ...QUICK_RETRY, retries: 8 });
    this.#producer = this.#own.kafka.producer({
      idempotent: options.idempotent,
      allowAutoTopicCreation: false,
      metadataMaxAge: options.metadataMaxAgeMs,
      createPartitioner: () => (offered) => this.#partitionOf(offered),
    });
    this.#producer.on(this.#producer.events.REQUEST, ({ payload }) => {
      if (payload.apiKey === PRODUCE_API_KEY) this.#own.sockets.answered(payload);
    });
    this.#sending = {
      acks: ACKS[options.acks],
      compression: compressionType(kafkajs, options.compression),
      timeout: options.requestTimeoutMs,
    };
  }

  /**
   * @param leaders must have metadata of every topic that is sent to
   * @param closing ends the wait for a broker that does not respond
   */
  static async open(
    kafkajs: typeof KafkaJs,
    options: ResolvedKafkaOptions,
    clientId: string,
    leaders: Leaders,
    closing: AbortSignal,
  ): Promise<KafkaJsProducer> {
    const opened = new KafkaJsProducer(kafkajs, options, clientId, leaders);
    try {
      await unlessClosed(opened.#own, closing, opened.#producer.connect());
      return opened;
    } catch (error) {
      await opened.close();
      throw toFailure(error);
    }
  }

  async send(records: ReadonlyMap<string, readonly OutgoingRecord[]>): Promise<SendOutcome> {
    const requests = this.#byLeader(records);
    const outcomes = await Promise.all([...requests.values()].map((request) => this.#request(request)));
    if (outcomes.length === 1) return outcomes[0] as SendOutcome;
    return { stored: outcomes.flatMap(({ stored }) => stored), failed: outcomes.flatMap(({ failed }) => failed) };
  }

  leaderOf(topic: string, record: OutgoingRecord): number | undefined {
    record.partition ??= this.#choose(topic, record.key ?? undefined, this.#leaders.countPartitions(topic));
    return this.#leaders.of(topic, record.partition);
  }

  /** kafkajs calls this for each message with its newest metadata of the topic. */
  #partitionOf({ topic, partitionMetadata, message }: KafkaJs.PartitionerArgs): number {
    this.#leaders.heard(topic, partitionMetadata);
    return message.partition as number;
  }

  /**
   * One kafkajs call per broker: a call to several brokers reports only one failure. Records that the other brokers stored would be
   * sent again under new sequence numbers and become duplicates.
   */
  #byLeader(records: ReadonlyMap<string, readonly OutgoingRecord[]>): Map<number, Map<string, OutgoingRecord[]>> {
    const requests = new Map<number, Map<string, OutgoingRecord[]>>();
    for (const [topic, list] of records) {
      for (const record of list) {
        const leader = this.leaderOf(topic, record);
        if (leader !== undefined) recordsOf(requests, leader, topic).push(record);
      }
    }
    return requests;
  }

  async #request(records: ReadonlyMap<string, OutgoingRecord[]>): Promise<SendOutcome> {
    const topicMessages: KafkaJs.TopicMessages[] = [];
    // The record has the shape of kafkajs' message, and its partition is already set.
    for (const [topic, list] of records)
      topicMessages.push({ topic, messages: groupingItself(list) as KafkaJs.Message[] });
    const places = placesOf(records);
    const before = this.#countsOf(places);
    try {
      const stored = await this.#producer.sendBatch({ ...this.#sending, topicMessages });
      return { stored: stored.map(storedPartition), failed: [] };
    } catch (error) {
      const failure = toFailure(error, attemptsSince(before, this.#countsOf(places)));
      return { stored: [], failed: [{ records: new Set([...records.values()].flat()), failure }] };
    }
  }

  #countsOf(places: readonly Place[]): ProduceCount[] {
    return places.map(({ topic, partition }) => this.#own.sockets.producesTo(topic, partition));
  }

  async close(): Promise<void> {
    await atMost(CLOSE_LIMIT_MS, this.#producer.disconnect());
    this.#own.sockets.destroyAll();
  }
}

const storedPartition = ({ topicName, partition, baseOffset }: KafkaJs.RecordMetadata): StoredPartition => ({
  topic: topicName,
  partition,
  baseOffset: BigInt(baseOffset ?? -1),
});

function recordsOf(
  requests: Map<number, Map<string, OutgoingRecord[]>>,
  leader: number,
  topic: string,
): OutgoingRecord[] {
  let request = requests.get(leader);
  if (request === undefined) requests.set(leader, (request = new Map<string, OutgoingRecord[]>()));
  let list = request.get(topic);
  if (list === undefined) request.set(topic, (list = []));
  return list;
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** Lists each partition once, because a request may have thousands of records. */
function placesOf(records: ReadonlyMap<string, readonly OutgoingRecord[]>): Place[] {
  return [...records].flatMap(([topic, list]) =>
    [...new Set(list.map(({ partition }) => partition as number))].map((partition) => ({ topic, partition })),
  );
}

/** The counts of the most uncertain partition, because kafkajs reports one failure for all. */
function attemptsSince(before: readonly ProduceCount[], after: readonly ProduceCount[]): Attempts {
  const attempts = { written: 0, unanswered: 0 };
  after.forEach((count, index) => {
    const written = count.written - (before[index]?.written ?? 0);
    const answered = count.answered - (before[index]?.answered ?? 0);
    attempts.written = Math.max(attempts.written, written);
    attempts.unanswered = Math.max(attempts.unanswered, written - answered);
  });
  return attempts;
}
