/**
 * The interface that a Kafka client package must implement. Names and numbers are Kafka's own. No type of a client
 * package appears here, except records under `raw`
 * (docs/adr/0003-kafka-behind-a-seam.md).
 */
export interface KafkaClient {
  /** Tries once to reach a broker and log in. @throws ClientFailure */
  connect(): Promise<void>;
  openProducer(): Promise<ClientProducer>;
  /** Creates a member of a group, which joins on `start`. */
  openMember(plan: MemberPlan, listener: MemberListener): ClientMember;
  /** Returns the partition count by topic. Missing topics are left out. @throws ClientFailure */
  describeTopics(topics: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Returns replicas and the named configs by topic. Missing topics are left out. @throws ClientFailure */
  keepingOf(topics: readonly string[], settings: readonly string[]): Promise<ReadonlyMap<string, TopicKeeping>>;
  /** Creates the topic. An existing topic stays unchanged. @throws ClientFailure */
  createTopic(topic: string, settings: TopicSettings): Promise<void>;
  /** Deletes a group without members and its offsets. A missing group is no error. @throws ClientFailure */
  deleteGroup(group: string): Promise<void>;
  close(): Promise<void>;
}

export interface TopicKeeping {
  /** Replicas of the partition that has the fewest. */
  readonly replicas: number;
  /** Configs under Kafka's names with the cluster defaults filled in, or why they could not be read. */
  readonly config: Readonly<Record<string, string>> | ClientFailure;
  /** Brokers that the cluster lists; left out where it did not answer that. */
  readonly servers?: number | undefined;
}

export interface TopicSettings {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A record to send. The client sets the partition it chooses. */
export interface OutgoingRecord {
  readonly key: string | Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string | Buffer>> | undefined;
  partition: number | undefined;
}

export interface ClientProducer {
  /**
   * Chooses the partition of a record that names none. Returns the broker id of its leader, or undefined for a partition without
   * metadata.
   */
  leaderOf(topic: string, record: OutgoingRecord): number | undefined;
  /**
   * Stores the records of each partition in the given order and returns the outcome. A record whose partition is in neither part
   * of the outcome named a partition that does not exist. Never rejects.
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
  /** Only `written` and `protocol` are known of its records. */
  readonly failure: ClientFailure;
}

export interface StoredPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record; the others follow. `-1` when the broker did not return it. */
  readonly baseOffset: bigint;
}

export interface MemberPlan {
  readonly group: string;
  readonly topics: readonly string[];
  /** The id of the dead member that this one replaces, so that the group does not wait for its session timeout. */
  readonly memberId: string | undefined;
  /** Partitions of that member, by topic. */
  readonly owned: Readonly<Record<string, readonly number[]>>;
}

/** A fetched record, as the client package returns it. */
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
  /** Where reading continues: after the last record and after records that the broker left out. */
  readonly nextOffset: number;
}

export interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  /** undefined when the group has never committed here. */
  readonly offset: number | undefined;
  /** The position that was read or committed is out of range. `offset` may still exist. */
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

/** Callbacks of a member. They are called one after the other, except `fetched`. */
export interface MemberListener {
  /**
   * The member is about to join, for the first time or because of a rebalance, and waits for the Promise.
   * Commits under the old generation still succeed while it waits.
   */
  beforeJoin(): Promise<void>;
  /** The new assignment, by topic. */
  joined(assignment: Readonly<Record<string, readonly number[]>>): void;
  /** Returns where to read each partition. Reading waits for it. */
  positions(committed: readonly CommittedOffset[]): Promise<readonly ReadPosition[]>;
  /** Records were fetched. The member continues when the Promise resolves; `beat` sends heartbeats until then. */
  fetched(batch: FetchedBatch, beat: () => Promise<void>): Promise<void>;
  /** Before this position the partition has only markers and records of aborted transactions. */
  passed(position: ReadPosition): void;
  /** The group counts the member as alive, see `confirmedAtMs`. */
  confirmed(): void;
  /** The member failed permanently and its sockets are closed. Not called after `leave`. */
  died(failure: ClientFailure): void;
}

export interface OffsetCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

export interface ClientMember {
  /** Joins the group and resolves when the member has its assignment. @throws ClientFailure */
  start(): Promise<void>;
  readonly memberId: string | undefined;
  /** When it sent the last request that confirmed its membership, on the monotonic clock; 0 before the first. */
  readonly confirmedAtMs: number;
  /** Pauses a partition. May throw while the member dies: kafkajs does, before it emits the event. */
  pause(topic: string, partition: number): void;
  /** Resumes a partition. May throw as `pause` does. */
  resume(topic: string, partition: number): void;
  /**
   * Tries one commit under the generation joined last; the broker rejects partitions that were revoked since.
   * @throws ClientFailure; `protocol` ILLEGAL_GENERATION and the like mean that another member may own the partitions
   */
  commit(offsets: readonly OffsetCommit[]): Promise<void>;
  /** Returns the first and end offsets; the end is before the first open transaction. @throws ClientFailure */
  bounds(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, { low: number; high: number }>>;
  /** Returns the end offsets, as in `bounds`, of partitions of several topics with one request per leader. @throws ClientFailure */
  ends(places: readonly PartitionPlace[]): Promise<readonly ReadPosition[]>;
  /** Returns the first offset stored at or after a moment. A partition without one is left out. @throws ClientFailure */
  offsetsAt(topic: string, partitions: readonly number[], momentMs: number): Promise<ReadonlyMap<number, number>>;
  /** Returns the partition count of a subscribed topic, as far as the member knows. */
  countPartitions(topic: string): Promise<number | undefined>;
  /** Returns the committed offsets of these partitions. @throws ClientFailure */
  committed(topic: string, partitions: readonly number[]): Promise<readonly CommittedOffset[]>;
  /** Leaves the group and closes its sockets. Idempotent; never rejects. */
  leave(): Promise<void>;
}

/**
 * The category of a client failure.
 *
 * | reason           | means                                                             |
 * |------------------|-------------------------------------------------------------------|
 * | `unreachable`    | no connection could be made                                       |
 * | `closed`         | a connection broke, or the broker closed it                       |
 * | `timeout`        | no answer came in time                                            |
 * | `tls`            | certificate, host name or protocol of the encryption              |
 * | `authentication` | the login was rejected                                            |
 * | `protocol`       | the broker returned an error; `protocol` is Kafka's name of it     |
 * | `other`          | anything else, including a fault of the client                    |
 */
export type FailureReason = 'unreachable' | 'closed' | 'timeout' | 'tls' | 'authentication' | 'protocol' | 'other';

export class ClientFailure extends Error {
  override readonly name = 'ClientFailure';
  readonly reason: FailureReason;
  /** Kafka's own name of the error: `MESSAGE_TOO_LARGE`. */
  readonly protocol: string | undefined;
  /** How often a produce request was written to a socket before the failure; 0 means that nothing was stored. */
  readonly written: number;
  /** How many of these requests got no response; then `protocol` may belong to another request, such as a metadata request. */
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
