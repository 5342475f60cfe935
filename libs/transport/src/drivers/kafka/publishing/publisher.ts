import type {
  BrokerHost,
  Clock,
  OutgoingMessage,
  Producer,
  PublishReceipt,
  SendResult,
  SendWindow,
} from '../../../contract/index.js';
import {
  ClientFailure,
  type ClientProducer,
  type KafkaClient,
  type OutgoingRecord,
  type StoredPartition,
} from '../client/seam.js';
import { groupBy } from '../group-by.js';
import {
  afterEarlier,
  errorOf,
  hidesItsPartition,
  isContagious,
  isRefusal,
  sendError,
  storedAfter,
  type FailurePlace,
} from '../mapping.js';
import { BROKER_MAX_BYTES, type ResolvedKafkaOptions } from '../options.js';
import { MissingTopics, ProducerKeeper } from './producer-keeper.js';
import { SendRun, type Entry } from './send-run.js';
import { TopicOrder } from './topic-order.js';
import { checkTopicName } from '../topology/topics.js';

/** All of a request may go to one partition, so it must fit into one batch. */
const MAX_REQUEST_BYTES = 960_000;
/** Publishes messages to Kafka and returns one result per message. */
export class KafkaPublisher implements Producer {
  readonly maxBytes: number;
  readonly maxRequestBytes: number;
  readonly #options: ResolvedKafkaOptions;
  readonly #clock: Clock;
  readonly #keeper: ProducerKeeper;
  readonly #order = new TopicOrder();
  readonly #checkedNames = new Set<string>();
  #closed = false;

  constructor(host: BrokerHost, client: KafkaClient, options: ResolvedKafkaOptions) {
    this.#options = options;
    this.#clock = host.clock;
    this.#keeper = new ProducerKeeper(host.clock, client, options.provision);
    this.maxBytes = options.maxMessageBytes;
    this.maxRequestBytes = Math.max(
      MAX_REQUEST_BYTES,
      options.maxMessageBytes > BROKER_MAX_BYTES ? options.maxMessageBytes : 0,
    );
  }

  /** Checks topic and partition. The publisher itself enforces `maxBytes`. */
  check({ topic, partition }: OutgoingMessage): void {
    if (!this.#checkedNames.has(topic)) {
      checkTopicName(topic);
      this.#checkedNames.add(topic);
    }
    if (partition !== undefined) this.#checkPartition(topic, partition);
  }

  async send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const entries = messages.map(entryOf);
    const results = new Array<SendResult>(messages.length);
    if (this.#options.idempotent) await this.#sendInOrder(entries, results, window);
    // Without idempotence a rejected request for several partitions cannot be sent again without duplicates.
    else
      await Promise.all(
        splitBy(entries, ({ message }) => message.topic).map((part) => this.#sendInOrder(part, results)),
      );
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#keeper.close();
  }

  #checkPartition(topic: string, partition: number): void {
    const count = this.#keeper.countPartitions(topic);
    if (!Number.isInteger(partition) || partition < 0 || (count !== undefined && partition >= count)) {
      throw partitionMissing(topic, partition, count);
    }
  }

  /**
   * Sends one request per topic at a time. kafkajs releases the sequence numbers of a failed request before it retries. A second send
   * to the same partition would use these numbers, and the broker would confirm its messages as duplicates without storing them.
   */
  #sendInOrder(entries: readonly Entry[], results: SendResult[], window?: SendWindow): Promise<void> {
    return this.#order.run(topicsOf(entries), () => this.#sendByLeader(entries, results, window));
  }

  async #sendByLeader(entries: readonly Entry[], results: SendResult[], window?: SendWindow): Promise<void> {
    if (this.#closed) return fill(entries, results, (entry) => this.#closedError(entry));
    let producer: ClientProducer;
    try {
      producer = await this.#keeper.open(topicsOf(entries));
    } catch (error) {
      return this.#notBegun(entries, results, error);
    }
    const steps = {
      clock: this.#clock,
      maxRequestBytes: this.maxRequestBytes,
      entryOf,
      leaderOf: ({ message, record }: Entry) => producer.leaderOf(message.topic, record),
      request: (part: readonly Entry[]) => this.#sendEntries(part, results),
    };
    await new SendRun(steps, results, window).run(entries);
  }

  /** Sends and, when a request fails, finds the message that caused it. Sets a result for each entry. */
  async #sendEntries(entries: readonly Entry[], results: SendResult[]): Promise<void> {
    if (this.#closed) return fill(entries, results, (entry) => this.#closedError(entry));
    let producer: ClientProducer;
    try {
      producer = await this.#keeper.open(topicsOf(entries));
    } catch (error) {
      return this.#notBegun(entries, results, error);
    }
    await this.#request(producer, entries, results);
  }

  /** @param earlier why a request with all of these records was rejected */
  async #request(
    producer: ClientProducer,
    entries: readonly Entry[],
    results: SendResult[],
    earlier?: ClientFailure,
  ): Promise<void> {
    const { stored, failed } = await this.#keeper.send(producer, recordsByTopic(entries));
    for (const { records, failure } of failed) {
      await this.#afterFailure(
        producer,
        entries.filter(({ record }) => records.has(record)),
        results,
        earlier === undefined ? failure : afterEarlier(earlier, failure),
      );
    }
    const others =
      failed.length === 0
        ? entries
        : entries.filter(({ record }) => failed.every(({ records }) => !records.has(record)));
    await this.#receipts(others, stored, results);
  }

  /**
   * The broker rejects a whole request for one bad partition and does not report which; the others may be stored already.
   * The partitions are sent again one by one with the same sequence numbers: the broker recognizes the stored ones.
   */
  async #afterFailure(
    producer: ClientProducer,
    entries: readonly Entry[],
    results: SendResult[],
    failure: ClientFailure,
  ): Promise<void> {
    const parts = splitBy(entries, ({ message, record }) => `${message.topic}/${record.partition ?? ''}`);
    if (parts.length > 1 && hidesItsPartition(failure)) {
      if (!this.#options.idempotent) return fill(entries, results, ({ message }) => refusedSomewhere(message, failure));
      for (const part of parts) await this.#request(producer, part, results, failure);
      return;
    }
    const known = isRefusal(failure) && storedAfter(failure) === 'no';
    if (!known || failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION') this.#keeper.discard(producer);
    if (failure.written === 0 && failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION')
      return this.#withoutUnknown(entries, results, failure);
    fill(entries, results, (entry) => this.#errorOf(entry, failure, entries.length));
  }

  /** A missing topic breaks kafkajs' producer for all topics, so each topic is sent separately with a new one. */
  async #withoutUnknown(entries: readonly Entry[], results: SendResult[], failure: ClientFailure): Promise<void> {
    const byTopic = splitBy(entries, ({ message }) => message.topic);
    if (byTopic.length === 1) return fill(entries, results, (entry) => this.#errorOf(entry, failure, 1));
    for (const part of byTopic) await this.#sendEntries(part, results);
  }

  #errorOf({ message, record }: Entry, failure: ClientFailure, together: number): SendResult {
    if (together > 1 && isContagious(failure) && storedAfter(failure) === 'no') {
      return errorOf(
        'TRANSPORT_BATCH_REJECTED',
        `Kafka rejected a request of ${together} messages for "${message.topic}" (${failure.protocol}); none of them was stored.`,
        { topic: message.topic, stored: 'no', retryable: true, cause: failure },
      );
    }
    return sendError(failure, { ...this.#place(message.topic), partition: record.partition });
  }

  /** Sets receipts in the order of the entries. A partition that the response leaves out does not exist. */
  async #receipts(entries: readonly Entry[], stored: readonly StoredPartition[], results: SendResult[]): Promise<void> {
    const next = nextOffsets(stored);
    const unstored: Entry[] = [];
    for (const entry of entries) {
      const { message, record, index } = entry;
      const partition = record.partition as number;
      const place = next.get(message.topic)?.[partition];
      if (place === undefined) unstored.push(entry);
      else results[index] = receiptOf(message, partition, place);
    }
    if (unstored.length > 0) await this.#afterMissingPartition(unstored, results);
  }

  /** kafkajs silently drops records for a partition it does not know: the partition does not exist, or it is new. */
  async #afterMissingPartition(entries: readonly Entry[], results: SendResult[]): Promise<void> {
    const counts = await this.#keeper.lookAgain([...topicsOf(entries)]);
    const isThere = ({ message, record }: Entry): boolean =>
      (counts?.get(message.topic) ?? 0) > (record.partition as number);
    const [late, missing] = [entries.filter(isThere), entries.filter((entry) => !isThere(entry))];
    fill(missing, results, ({ message, record }) =>
      partitionMissing(message.topic, record.partition as number, counts?.get(message.topic)),
    );
    if (late.length === 0) return;
    // A new producer knows the new partitions.
    await this.#keeper.renew();
    await this.#sendEntries(late, results);
  }

  /** Nothing was sent. Messages for missing topics fail; the others are sent without them. */
  async #notBegun(entries: readonly Entry[], results: SendResult[], error: unknown): Promise<void> {
    if (error instanceof MissingTopics) {
      const { failures } = error;
      const isMissing = ({ message }: Entry): boolean => failures.has(message.topic);
      fill(entries.filter(isMissing), results, ({ message: { topic } }) =>
        sendError(failures.get(topic) as ClientFailure, this.#place(topic)),
      );
      const others = entries.filter((entry) => !isMissing(entry));
      return others.length === 0 ? undefined : this.#sendEntries(others, results);
    }
    const failure =
      error instanceof ClientFailure ? error : new ClientFailure('other', String(error), { cause: error });
    fill(entries, results, ({ message }) => sendError(failure, this.#place(message.topic)));
  }

  #closedError({ message }: Entry): SendResult {
    return errorOf('TRANSPORT_CLOSED', `a message for "${message.topic}" was not sent: the connection is closed.`, {
      topic: message.topic,
      stored: 'no',
    });
  }

  #place(topic: string): FailurePlace {
    const { brokers, tls } = this.#options;
    return { what: `cannot publish to "${topic}"`, brokers, topic, tls: tls !== undefined };
  }
}

const recordOf = ({ key, rawKey, body, headers, rawHeaders, partition }: OutgoingMessage): OutgoingRecord => ({
  key: rawKey ?? key ?? null,
  value: body,
  headers: rawHeaders === undefined ? headers : { ...headers, ...rawHeaders },
  partition,
});

const entryOf = (message: OutgoingMessage, index: number): Entry => ({ index, message, record: recordOf(message) });

function recordsByTopic(entries: readonly Entry[]): Map<string, OutgoingRecord[]> {
  const byTopic = new Map<string, OutgoingRecord[]>();
  for (const { message, record } of entries) {
    const records = byTopic.get(message.topic);
    if (records === undefined) byTopic.set(message.topic, [record]);
    else records.push(record);
  }
  return byTopic;
}

function topicsOf(entries: readonly Entry[]): Set<string> {
  const topics = new Set<string>();
  for (const { message } of entries) topics.add(message.topic);
  return topics;
}

function splitBy(entries: readonly Entry[], nameOf: (entry: Entry) => string): Entry[][] {
  return [...groupBy(entries, nameOf).values()];
}

function fill(entries: readonly Entry[], results: SendResult[], resultOf: (entry: Entry) => SendResult): void {
  for (const entry of entries) results[entry.index] = resultOf(entry);
}

interface NextOffset {
  offset: number;
}

/** By topic and partition. Offsets stay below 2^53, and bigint arithmetic showed in profiles. */
function nextOffsets(stored: readonly StoredPartition[]): Map<string, (NextOffset | undefined)[]> {
  const byTopic = new Map<string, (NextOffset | undefined)[]>();
  for (const { topic, partition, baseOffset } of stored) {
    const places = byTopic.get(topic) ?? [];
    byTopic.set(topic, places);
    places[partition] = { offset: Number(baseOffset) };
  }
  return byTopic;
}

function receiptOf({ id, topic }: OutgoingMessage, partition: number, place: NextOffset): PublishReceipt {
  if (place.offset < 0) return { id, topic, partition, offset: undefined };
  return { id, topic, partition, offset: String(place.offset++) };
}

const partitionMissing = (topic: string, partition: number, count: number | undefined) =>
  errorOf(
    'TRANSPORT_PARTITION_MISSING',
    `a message for "${topic}" names partition ${partition}, ${count === undefined ? 'which does not exist' : `but the topic has ${count} (0 to ${count - 1})`}. Nothing was stored.`,
    { topic, stored: 'no' },
  );

const refusedSomewhere = ({ topic }: OutgoingMessage, failure: ClientFailure) =>
  errorOf(
    'TRANSPORT_PUBLISH_UNKNOWN',
    `Kafka rejected a request for several partitions of "${topic}" (${failure.protocol}) and did not report which one. The message may have been stored. With idempotent: true the driver finds out.`,
    { topic, stored: 'unknown', retryable: true, cause: failure },
  );
