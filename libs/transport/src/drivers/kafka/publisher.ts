import type { BrokerHost, OutgoingMessage, Producer, PublishReceipt, SendResult } from '../../contract/index.js';
import {
  ClientFailure,
  type ClientProducer,
  type KafkaClient,
  type OutgoingRecord,
  type StoredPartition,
} from './client/seam.js';
import { groupBy } from './group-by.js';
import { errorOf, isContagious, isRefusal, sendError, type FailurePlace } from './mapping.js';
import { BROKER_MAX_BYTES, type ResolvedKafkaOptions } from './options.js';
import { checkTopicName } from './topics.js';

/** One request may go to one partition, so all of it must fit into one batch. */
const MAX_REQUEST_BYTES = 960_000;
/** How long the partition count of a topic is believed before a message is refused on its account. */
const COUNT_AGE_MS = 10_000;
/** A topic may have been created a moment ago, on another broker. */
const SECOND_LOOK_MS = 250;

/** One message and its record; the record knows its partition once the client has chosen it. */
interface Entry {
  readonly index: number;
  readonly message: OutgoingMessage;
  readonly record: OutgoingRecord;
}

/** Stores messages in Kafka: a result per message, whatever becomes of the request. */
export class KafkaPublisher implements Producer {
  readonly maxBytes: number;
  readonly maxRequestBytes: number;
  readonly #host: BrokerHost;
  readonly #client: KafkaClient;
  readonly #options: ResolvedKafkaOptions;
  readonly #counts = new Map<string, { count: number; atMs: number }>();
  readonly #checkedNames = new Set<string>();
  /** Topics that the present producer has seen. */
  #known = new Set<string>();
  #producer: Promise<ClientProducer> | undefined;
  #current: ClientProducer | undefined;
  #closed = false;

  constructor(host: BrokerHost, client: KafkaClient, options: ResolvedKafkaOptions) {
    this.#host = host;
    this.#client = client;
    this.#options = options;
    this.maxBytes = options.maxMessageBytes;
    this.maxRequestBytes = Math.max(
      MAX_REQUEST_BYTES,
      options.maxMessageBytes > BROKER_MAX_BYTES ? options.maxMessageBytes : 0,
    );
  }

  /** n.b. not the size: `maxBytes` is held by the publisher, exactly, and what it says here is the most it could be. */
  check({ topic, partition }: OutgoingMessage): void {
    if (!this.#checkedNames.has(topic)) {
      checkTopicName(topic);
      this.#checkedNames.add(topic);
    }
    if (partition !== undefined) this.#checkPartition(topic, partition);
  }

  async send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const entries = messages.map((message, index): Entry => ({ index, message, record: recordOf(message) }));
    const results = new Array<SendResult>(messages.length);
    if (this.#options.idempotent) await this.#sendEntries(entries, results);
    // n.b. without idempotence a refused request of several partitions could not be sent again without duplicates.
    else
      await Promise.all(
        splitBy(entries, ({ message }) => message.topic).map((part) => this.#sendEntries(part, results)),
      );
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const producer = this.#producer;
    this.#producer = undefined;
    await (await producer?.catch(() => undefined))?.close();
  }

  #checkPartition(topic: string, partition: number): void {
    const known = this.#counts.get(topic);
    const believed = known !== undefined && this.#host.clock.monotonicMs() - known.atMs < COUNT_AGE_MS;
    if (!Number.isInteger(partition) || partition < 0 || (believed && partition >= known.count)) {
      throw partitionMissing(topic, partition, believed ? known.count : undefined);
    }
  }

  /** Sends, and when a request fails finds out whose fault it was. Fills in a result for each entry. */
  async #sendEntries(entries: readonly Entry[], results: SendResult[]): Promise<void> {
    if (this.#closed) return fill(entries, results, (entry) => this.#closedError(entry));
    let producer: ClientProducer;
    try {
      await this.#findTopics(entries);
      producer = await this.#open();
    } catch (error) {
      return this.#notBegun(entries, results, error);
    }
    await this.#request(producer, entries, results);
  }

  async #request(producer: ClientProducer, entries: readonly Entry[], results: SendResult[]): Promise<void> {
    const { stored, failed } = await producer.send(recordsByTopic(entries));
    for (const { records, failure } of failed) {
      await this.#afterFailure(
        producer,
        entries.filter(({ record }) => records.has(record)),
        results,
        failure,
      );
    }
    const others =
      failed.length === 0
        ? entries
        : entries.filter(({ record }) => failed.every(({ records }) => !records.has(record)));
    await this.#receipts(others, stored, results);
  }

  /**
   * The broker refuses a whole request for one bad partition, and does not say which; the others may be stored by then.
   * Sent again one by one, with the same sequence numbers, the stored ones are recognised and the bad one is found.
   */
  async #afterFailure(
    producer: ClientProducer,
    entries: readonly Entry[],
    results: SendResult[],
    failure: ClientFailure,
  ): Promise<void> {
    const parts = splitBy(entries, ({ message, record }) => `${message.topic}/${record.partition ?? ''}`);
    if (isRefusal(failure) && failure.written > 0 && parts.length > 1) {
      if (!this.#options.idempotent) return fill(entries, results, ({ message }) => refusedSomewhere(message, failure));
      for (const part of parts) await this.#request(producer, part, results);
      return;
    }
    if (!isRefusal(failure) || failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION') this.#discard(producer);
    if (failure.written === 0 && failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION')
      return this.#withoutUnknown(entries, results, failure);
    fill(entries, results, (entry) => this.#errorOf(entry, failure, entries.length));
  }

  /** One topic is gone, and with it kafkajs' producer for all others: a new one, each topic by itself. */
  async #withoutUnknown(entries: readonly Entry[], results: SendResult[], failure: ClientFailure): Promise<void> {
    const byTopic = splitBy(entries, ({ message }) => message.topic);
    if (byTopic.length === 1) return fill(entries, results, (entry) => this.#errorOf(entry, failure, 1));
    for (const part of byTopic) await this.#sendEntries(part, results);
  }

  #errorOf({ message }: Entry, failure: ClientFailure, together: number): SendResult {
    if (together > 1 && isContagious(failure)) {
      return errorOf(
        'TRANSPORT_NEIGHBOUR_REFUSED',
        `a request of ${together} messages for "${message.topic}" was refused (${failure.protocol}); none of them was stored.`,
        { topic: message.topic, stored: 'no', retryable: true, cause: failure },
      );
    }
    return sendError(failure, this.#place(message.topic));
  }

  /** Receipts by partition, in the order of the entries; a partition that the answer leaves out does not exist. */
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

  /** kafkajs leaves out silently what goes to a partition it does not know: it does not exist, or it is new. */
  async #afterMissingPartition(entries: readonly Entry[], results: SendResult[]): Promise<void> {
    const counts = await this.#client
      .describeTopics([...new Set(entries.map(({ message }) => message.topic))])
      .catch(() => undefined);
    const atMs = this.#host.clock.monotonicMs();
    for (const [topic, count] of counts ?? []) this.#counts.set(topic, { count, atMs });
    const isThere = ({ message, record }: Entry): boolean =>
      (counts?.get(message.topic) ?? 0) > (record.partition as number);
    const [late, missing] = [entries.filter(isThere), entries.filter((entry) => !isThere(entry))];
    fill(missing, results, ({ message, record }) =>
      partitionMissing(message.topic, record.partition as number, counts?.get(message.topic)),
    );
    if (late.length === 0) return;
    // A producer that is made now knows the new partitions.
    this.#discard(await this.#open());
    await this.#sendEntries(late, results);
  }

  /** n.b. kafkajs tries for seconds before it says that a topic is unknown, and everybody would wait for it. */
  async #findTopics(entries: readonly Entry[]): Promise<void> {
    const unknown = unknownTopics(entries, this.#known);
    if (unknown.length === 0) return;
    await this.#forgetDeleted();
    let found = await this.#client.describeTopics(unknown);
    if (found.size < unknown.length) {
      await new Promise<void>((resolve) => this.#host.clock.schedule(SECOND_LOOK_MS, resolve));
      found = await this.#client.describeTopics(unknown);
    }
    const missing = unknown.filter((topic) => !found.has(topic));
    if (missing.length > 0) throw new MissingTopics(missing);
    const atMs = this.#host.clock.monotonicMs();
    for (const [topic, count] of found) {
      this.#known.add(topic);
      this.#counts.set(topic, { count, atMs });
    }
  }

  /** n.b. a producer that knows a deleted topic cannot learn a new one: kafkajs asks for all of them at once. */
  async #forgetDeleted(): Promise<void> {
    if (this.#producer === undefined || this.#known.size === 0) return;
    const found = await this.#client.describeTopics([...this.#known]);
    if (found.size < this.#known.size) this.#discard(await this.#producer);
  }

  /** Nothing was sent: the topics with a problem are told, the others go on without them. */
  async #notBegun(entries: readonly Entry[], results: SendResult[], error: unknown): Promise<void> {
    if (error instanceof MissingTopics) {
      const isMissing = ({ message }: Entry): boolean => error.topics.includes(message.topic);
      const failure = new ClientFailure('protocol', 'the topic does not exist', {
        protocol: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
      fill(entries.filter(isMissing), results, ({ message }) => sendError(failure, this.#place(message.topic)));
      const others = entries.filter((entry) => !isMissing(entry));
      return others.length === 0 ? undefined : this.#sendEntries(others, results);
    }
    const failure =
      error instanceof ClientFailure ? error : new ClientFailure('other', String(error), { cause: error });
    fill(entries, results, ({ message }) => sendError(failure, this.#place(message.topic)));
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

  /**
   * n.b. after an unknown outcome the sequence numbers of kafkajs and broker may differ, and then the next request could
   * be taken for a copy of the lost one: confirmed, and not stored. A new producer begins anew.
   */
  #discard(producer: ClientProducer): void {
    if (this.#current !== producer) return;
    this.#current = undefined;
    this.#producer = undefined;
    this.#known = new Set();
    void producer.close();
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

class MissingTopics extends Error {
  constructor(readonly topics: readonly string[]) {
    super(topics.join(', '));
  }
}

const recordOf = ({ key, body, headers, partition }: OutgoingMessage): OutgoingRecord => ({
  key: key ?? null,
  value: body,
  headers,
  partition,
});

function recordsByTopic(entries: readonly Entry[]): Map<string, OutgoingRecord[]> {
  const byTopic = new Map<string, OutgoingRecord[]>();
  for (const { message, record } of entries) {
    const records = byTopic.get(message.topic);
    if (records === undefined) byTopic.set(message.topic, [record]);
    else records.push(record);
  }
  return byTopic;
}

function unknownTopics(entries: readonly Entry[], known: ReadonlySet<string>): string[] {
  const unknown = new Set<string>();
  for (const { message } of entries) if (!known.has(message.topic)) unknown.add(message.topic);
  return [...unknown];
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

/** By topic and partition. n.b. numbers: offsets stay below 2^53, and counting with bigint was seen in profiles. */
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
    `a request of several partitions of "${topic}" was refused (${failure.protocol}), and without idempotent: true nobody knows which; the message may have been stored.`,
    { topic, stored: 'unknown', retryable: true, cause: failure },
  );
