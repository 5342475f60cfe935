import type * as KafkaJs from 'kafkajs';
import type { ResolvedKafkaOptions } from '../../options.js';
import { byKey, roundRobin } from '../../partitioner.js';
import type { ClientProducer, OutgoingRecord, StoredPartition } from '../seam.js';
import { compressionType } from './codecs.js';
import { toFailure } from './failures.js';
import { atMost, CLOSE_LIMIT_MS, newKafka, QUICK_RETRY, type OwnKafka } from './settings.js';

const ACKS = { all: -1, leader: 1 } as const;

/**
 * kafkajs' producer. What it does not do, and the driver does: gather messages (it has no linger), notice that a partition
 * does not exist (it resolves without it), and get going again after an unknown topic or an unknown outcome.
 */
export class KafkaJsProducer implements ClientProducer {
  readonly #own: OwnKafka;
  readonly #producer: KafkaJs.Producer;
  readonly #sending: { acks: number; compression: KafkaJs.CompressionTypes; timeout: number };

  private constructor(kafkajs: typeof KafkaJs, options: ResolvedKafkaOptions, clientId: string) {
    this.#own = newKafka(kafkajs, options, clientId, { ...QUICK_RETRY, retries: 8 });
    this.#producer = this.#own.kafka.producer({
      idempotent: options.idempotent,
      allowAutoTopicCreation: false,
      metadataMaxAge: options.metadataMaxAgeMs,
      createPartitioner: partitionerOf(options.partitioner),
    });
    this.#sending = {
      acks: ACKS[options.acks],
      compression: compressionType(kafkajs, options.compression),
      timeout: options.requestTimeoutMs,
    };
  }

  static async open(
    kafkajs: typeof KafkaJs,
    options: ResolvedKafkaOptions,
    clientId: string,
  ): Promise<KafkaJsProducer> {
    const opened = new KafkaJsProducer(kafkajs, options, clientId);
    try {
      await opened.#producer.connect();
      return opened;
    } catch (error) {
      await opened.close();
      throw toFailure(error);
    }
  }

  async send(records: ReadonlyMap<string, readonly OutgoingRecord[]>): Promise<StoredPartition[]> {
    const topicMessages: KafkaJs.TopicMessages[] = [];
    // n.b. the record itself is kafkajs' message: our partitioner writes the partition it chose into it.
    for (const [topic, messages] of records) topicMessages.push({ topic, messages: messages as KafkaJs.Message[] });
    const before = this.#own.sockets.producesWritten;
    try {
      const stored = await this.#producer.sendBatch({ ...this.#sending, topicMessages });
      return stored.map(({ topicName, partition, baseOffset }) => ({
        topic: topicName,
        partition,
        baseOffset: BigInt(baseOffset ?? -1),
      }));
    } catch (error) {
      throw toFailure(error, this.#own.sockets.producesWritten - before);
    }
  }

  async close(): Promise<void> {
    await atMost(CLOSE_LIMIT_MS, this.#producer.disconnect());
    this.#own.sockets.destroyAll();
  }
}

function partitionerOf(kind: ResolvedKafkaOptions['partitioner']): KafkaJs.ICustomPartitioner {
  const choose = kind === 'key' ? byKey() : roundRobin();
  return () =>
    ({ topic, partitionMetadata, message }) => {
      const record = message as unknown as OutgoingRecord;
      record.partition ??= choose(topic, record.key ?? undefined, partitionMetadata.length);
      return record.partition;
    };
}
