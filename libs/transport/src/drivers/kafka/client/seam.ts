/**
 * What the driver needs of a Kafka client, and nothing else. Names and numbers are Kafka's own; no type of a client
 * package passes through here, except records under `raw`. A second client implements these and nothing more
 * (docs/adr/0003-kafka-behind-a-seam.md).
 */
export interface KafkaClient {
  /** One try to reach a broker and log in. @throws ClientFailure */
  connect(): Promise<void>;
  openProducer(): Promise<ClientProducer>;
  /** A member of a group; joins on `start`. */
  openMember(plan: MemberPlan, listener: MemberListener): ClientMember;
  /** Partition count by topic; topics that do not exist are left out. @throws ClientFailure */
  describeTopics(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** How the cluster keeps these topics, with the named settings; topics that do not exist are left out. @throws ClientFailure */
  keepingOf(topics: readonly string[], settings: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>>;
  /** Creates the topic; one that exists is left as it is. @throws ClientFailure */
  createTopic(topic: string, settings: TopicSettings): Promise<void>;
  /** Forgets a group without members and its offsets; one that is not there is none to forget. @throws ClientFailure */
  deleteGroup(group: string): Promise<void>;
  close(): Promise<void>;
}

export interface TopicKeeping {
  /** Of the partition that has the fewest. */
  readonly replicas: number;
  /** By Kafka's names, the cluster's defaults filled in; why they could not be read. */
  readonly config: Readonly<Record<string, string>> | ClientFailure;
  /** Brokers that the cluster lists; left out where it did not answer that. */
  readonly servers?: number | undefined;
}

export interface TopicSettings {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A record on its way out. The client writes the partition it chooses into it. */
export interface OutgoingRecord {
  readonly key: string | Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer>> | undefined;
  partition: number | undefined;
}

export interface ClientProducer {
  /**
   * Chooses the record's partition where it names none. Returns the number of the broker that leads it, as last heard of;
   * undefined when nobody has heard of the partition.
   */
  leaderOf(topic: string, record: OutgoingRecord): number | undefined;
  /**
   * Stores the records of each partition in the given order, and tells what became of them. A record whose partition is
   * in neither part of the answer went to one that does not exist. Never rejects.
   */
  send(records: ReadonlyMap<string, readonly OutgoingRecord[]>): Promise<SendOutcome>;
  close(): Promise<void>;
}

export interface SendOutcome {
  readonly stored: readonly StoredPartition[];
  /** Each request that failed, with the records that were in it. */
  readonly failed: readonly FailedRequest[];
}

export interface FailedRequest {
  readonly records: ReadonlySet<OutgoingRecord>;
  /** Nothing is known of its records beyond `written` and `protocol`. */
  readonly failure: ClientFailure;
}

export interface StoredPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record; the others follow. `-1` when the broker did not say. */
  readonly baseOffset: bigint;
}

export interface MemberPlan {
  readonly group: string;
  readonly topics: readonly string[];
  /** The id of a member that died and is replaced by this one, so that the group need not wait for it to time out. */
  readonly memberId: string | undefined;
  /** What that member had, by topic. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
}

/** A record as it was fetched; `raw` is the client's own. */
export interface FetchedRecord {
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: string;
  /** A repeated header is an array. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

export interface FetchedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly FetchedRecord[];
  /** Where reading goes on: past the last record, and past what the broker left out after it. */
  readonly nextOffset: number;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  /** undefined: the group has never committed here. */
  readonly offset: number | undefined;
  /** The broker no longer has the place that was read, or that was committed; `offset` may still be there. */
  readonly expired: boolean;
  readonly metadata: string;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly partition: number;
}

export interface ReadPosition extends PartitionPlace {
  readonly offset: number;
}

/** What a member tells its owner. All of it comes one after the other, never two at a time, but for `fetched`. */
export interface MemberListener {
  /**
   * The member is about to join, for the first time or because the group changes; it waits for the promise.
   * Commits of the generation that ends are still taken while it waits.
   */
  beforeJoin(): Promise<void>;
  /** The new assignment, by topic. */
  joined(assignment: Readonly<Record<string, readonly number[]>>): void;
  /** Asks where to read each partition; reading waits for the answer. */
  positions(committed: readonly CommittedOffset[]): Promise<readonly ReadPosition[]>;
  /** Records have come. The member reads on when the promise has resolved; `beat` keeps it alive until then. */
  fetched(batch: FetchedBatch, beat: () => Promise<void>): Promise<void>;
  /** The broker had nothing to give of a partition before this place: markers, and records of transactions that were aborted. */
  passed(position: ReadPosition): void;
  /** The group counts the member as alive, see `confirmedAtMs`. */
  confirmed(): void;
  /** The member is dead for good, its sockets are closed. Not told after `leave`. */
  died(failure: ClientFailure): void;
}

export interface OffsetCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface ClientMember {
  /** Joins the group; resolves when it is placed. @throws ClientFailure */
  start(): Promise<void>;
  readonly memberId: string | undefined;
  /** When it asked the group for the last confirmation that it is alive, on the monotonic clock; 0 before the first. */
  readonly confirmedAtMs: number;
  /** n.b. may throw while the member dies: kafkajs does, between the end of its group and the event that reports it. */
  pause(topic: string, partition: number): void;
  /** As `pause`. */
  resume(topic: string, partition: number): void;
  /**
   * Commits in the name of the generation that the member joined last: what has been taken from it since is refused.
   * One try. @throws ClientFailure; `protocol` ILLEGAL_GENERATION and the like mean that the partitions are somebody else's
   */
  commit(offsets: readonly OffsetCommit[]): Promise<void>;
  /** First and end offsets; the end is before the first transaction that is open. @throws ClientFailure */
  bounds(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, { low: number; high: number }>>;
  /** End offsets, as in `bounds`, of partitions of several topics: one request to each broker that leads some of them. @throws ClientFailure */
  ends(places: readonly PartitionPlace[]): Promise<readonly ReadPosition[]>;
  /** The first offset stored at a moment or after it; a partition without one is left out. @throws ClientFailure */
  offsetsAt(topic: string, partitions: readonly number[], momentMs: number): Promise<ReadonlyMap<number, number>>;
  /** How many partitions a subscribed topic has, as far as the member knows. */
  countPartitions(topic: string): Promise<number | undefined>;
  /** What the group has committed for these partitions. @throws ClientFailure */
  committed(topic: string, partitions: readonly number[]): Promise<readonly CommittedOffset[]>;
  /** Leaves the group and closes its sockets. Never rejects. Twice is the same as once. */
  leave(): Promise<void>;
}

/**
 * Why the client could not do something.
 *
 * | reason           | means                                                             |
 * |------------------|-------------------------------------------------------------------|
 * | `unreachable`    | no connection could be made                                       |
 * | `closed`         | a connection broke, or the broker closed it                       |
 * | `timeout`        | no answer came in time                                            |
 * | `tls`            | certificate, host name or protocol of the encryption              |
 * | `authentication` | the login was refused                                             |
 * | `protocol`       | the broker answered with an error; `protocol` is Kafka's name of it |
 * | `other`          | anything else, a fault of the client included                     |
 */
export type FailureReason = 'unreachable' | 'closed' | 'timeout' | 'tls' | 'authentication' | 'protocol' | 'other';

export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
  readonly reason: FailureReason;
  /** Kafka's own name of the error: `MESSAGE_TOO_LARGE`. */
  readonly protocol: string | undefined;
  /** How often a produce request was written to a socket before this failed; 0 means that nothing can be stored. */
  readonly written: number;
  /** How many of these requests got no answer; then `protocol` may be the answer to another request, such as one for metadata. */
  readonly unanswered: number;

  constructor(
    reason: FailureReason,
    message: string,
    details: {
      readonly protocol?: string | undefined;
      readonly written?: number;
      readonly unanswered?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.protocol = details.protocol;
    this.written = details.written ?? 0;
    this.unanswered = details.unanswered ?? 0;
  }
}
