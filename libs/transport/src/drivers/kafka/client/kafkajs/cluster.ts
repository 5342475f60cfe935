import { groupBy } from '../../group-by.js';
import { JoinWatch } from './join-watch.js';
import type { ClientFailure, CommittedOffset, OffsetCommit, PartitionPlace, ReadPosition } from '../seam.js';

/**
 * The part of kafkajs 2.2.4 that is not in its public types: a consumer's own connection to the cluster, which kafkajs
 * passes to every partition assigner. The driver uses it for what the consumer does not offer:
 *
 * - wait for running handlers before a join (`findGroupCoordinator` precedes each join)
 * - choose the position a partition is read from (`offsetFetch`), so that kept partitions are not read twice and the commit
 *   metadata is seen
 * - drop kafkajs' own commit of a negative offset when a position is out of range (`offsetCommit`): it would overwrite the
 *   committed offset, which may still exist
 * - commit under the generation that owned the partition (`offsetCommit`): kafkajs uses the current generation, so a late
 *   commit would overwrite the one of the next owner
 * - know when the group last counted the member as alive (`syncGroup`, `heartbeat`), measured when the request was sent: the
 *   process may have been suspended before it read the response
 * - notice that kafkajs gave up a join and continues with the old membership (`findGroupCoordinator`, `joinGroup`, `syncGroup`), and
 *   make it retry while the coordinator of the group moves to another broker
 * - rejoin under the id of a dead member (`joinGroup`), so that the group does not wait for its session timeout
 */
export interface KafkaJsCluster {
  findGroupCoordinator(group: { groupId: string }): Promise<KafkaJsBroker>;
  findBroker(node: { nodeId: string | number }): Promise<KafkaJsBroker>;
  fetchTopicsOffset(
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number }[];
      fromBeginning?: boolean;
      fromTimestamp?: number;
    }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  getNodeIds(): (string | number)[];
}

export interface KafkaJsBroker {
  readonly nodeId: string | number;
  isConnected(): boolean;
  joinGroup(request: { memberId: string }): Promise<{ memberId: string; generationId: number }>;
  syncGroup(request: unknown): Promise<unknown>;
  heartbeat(request: unknown): Promise<unknown>;
  offsetFetch(request: OffsetFetchRequest): Promise<OffsetFetchResponse>;
  offsetCommit(request: OffsetCommitRequest): Promise<unknown>;
  metadata(
    topics: readonly string[],
  ): Promise<{ topicMetadata: { topic: string; partitionMetadata: { partitionId: number }[] }[] }>;
}

interface OffsetCommitRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupGenerationId: number;
  readonly topics: readonly { topic: string; partitions: readonly { partition: number; offset: string | number }[] }[];
}

interface OffsetFetchRequest {
  readonly groupId: string;
  readonly topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
}

interface OffsetFetchResponse {
  responses: { topic: string; partitions: { partition: number; offset: string; metadata: string | null }[] }[];
}

/** Callbacks on the consumer's connection to the cluster. */
export interface ClusterHooks {
  beforeJoin(): Promise<void>;
  /** Returns the offsets to read from, given the committed ones. */
  positions(committed: readonly CommittedOffset[]): Promise<ReadonlyMap<string, number>>;
  /** The group has confirmed that the member is alive. */
  confirmed(): void;
  /** How long a join may take between two of its steps. */
  readonly joinSilenceMs: number;
}

export const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** The id and generation that a member joined with. */
export interface Membership {
  readonly memberId: string;
  readonly generation: number;
}

/** Wraps the cluster object of one consumer. It changes only objects of this consumer, no kafkajs module. */
export class TappedCluster {
  readonly #cluster: KafkaJsCluster;
  readonly #groupId: string;
  readonly #hooks: ClusterHooks;
  readonly #findCoordinator: KafkaJsCluster['findGroupCoordinator'];
  readonly #findBroker: KafkaJsCluster['findBroker'];
  readonly #join: JoinWatch;
  readonly #tapped = new WeakSet<KafkaJsBroker>();
  #coordinator: KafkaJsBroker | undefined;
  #membership: Membership | undefined;
  /** Partitions that kafkajs found out of range, until it fetches their offsets. */
  readonly #outOfRange = new Set<string>();
  #confirmedAtMs = 0;
  /** The member id to join under when kafkajs has none. It is used for one join. */
  #formerId: string | undefined;

  constructor(cluster: KafkaJsCluster, groupId: string, formerId: string | undefined, hooks: ClusterHooks) {
    this.#cluster = cluster;
    this.#groupId = groupId;
    this.#formerId = formerId;
    this.#hooks = hooks;
    this.#join = new JoinWatch(hooks.joinSilenceMs);
    this.#findCoordinator = cluster.findGroupCoordinator.bind(cluster);
    this.#findBroker = cluster.findBroker.bind(cluster);
    cluster.findGroupCoordinator = (group) =>
      this.#join.step(async () => {
        await hooks.beforeJoin();
        return (this.#coordinator = this.#tap(await this.#findCoordinator(group)));
      });
    cluster.findBroker = async (node) => this.#tap(await this.#findBroker(node));
  }

  get memberId(): string | undefined {
    return this.#membership?.memberId;
  }

  /** The join that was started last has ended. */
  joined(): void {
    this.#join.joined();
  }

  /** Why the member will not join any more, although it was about to; undefined while it may. */
  get joinFailure(): ClientFailure | undefined {
    return this.#join.givenUp(performance.now());
  }

  /** When the group last counted the member as alive, at the earliest; on the monotonic clock. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  /** Tries one commit under the generation joined last. */
  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined)
      throw new Error(`cannot commit for group "${this.#groupId}": the member has not joined yet`);
    try {
      const coordinator = await this.#connectedCoordinator();
      await coordinator.offsetCommit({
        groupId: this.#groupId,
        memberId: membership.memberId,
        groupGenerationId: membership.generation,
        topics: byTopic(offsets),
      });
    } catch (error) {
      // The group may have another coordinator by now; the next commit looks it up.
      this.#coordinator = undefined;
      throw error;
    }
  }

  async committed(topic: string, partitions: readonly number[]): Promise<CommittedOffset[]> {
    const coordinator = await this.#connectedCoordinator();
    const request = {
      groupId: this.#groupId,
      topics: [{ topic, partitions: partitions.map((partition) => ({ partition })) }],
    };
    // The wrapped method would return positions instead of committed offsets.
    return committedOf(await Object.getPrototypeOf(coordinator).offsetFetch.call(coordinator, request));
  }

  async bounds(topic: string, partitions: readonly number[]): Promise<Map<number, { low: number; high: number }>> {
    const wanted = partitions.map((partition) => ({ partition }));
    const [low, high] = await Promise.all(
      [true, false].map((fromBeginning) =>
        this.#cluster.fetchTopicsOffset([{ topic, partitions: wanted, fromBeginning }]),
      ),
    );
    const offsets = (found: typeof low) =>
      new Map(found?.[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    const [lows, highs] = [offsets(low), offsets(high)];
    return new Map(
      partitions.map((partition) => [partition, { low: lows.get(partition) ?? 0, high: highs.get(partition) ?? 0 }]),
    );
  }

  async ends(places: readonly PartitionPlace[]): Promise<ReadPosition[]> {
    const wanted = [...groupBy(places, ({ topic }) => topic)].map(([topic, partitions]) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition })),
      fromBeginning: false,
    }));
    const found = await this.#cluster.fetchTopicsOffset(wanted);
    return found.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
    );
  }

  async offsetsAt(topic: string, partitions: readonly number[], momentMs: number): Promise<Map<number, number>> {
    const wanted = partitions.map((partition) => ({ partition }));
    const found = await this.#cluster.fetchTopicsOffset([{ topic, partitions: wanted, fromTimestamp: momentMs }]);
    const offsets = found?.[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const) ?? [];
    // The broker returns -1 when no record is that new.
    return new Map(offsets.filter(([, offset]) => offset >= 0));
  }

  /** Partition ids of a topic that this consumer need not be subscribed to; undefined when it does not exist. */
  async partitionsOf(topic: string): Promise<number[] | undefined> {
    const known = this.#cluster.findTopicPartitionMetadata(topic);
    if (known.length > 0) return known.map(({ partitionId }) => partitionId);
    const [nodeId] = this.#cluster.getNodeIds();
    if (nodeId === undefined) return undefined;
    try {
      const { topicMetadata } = await (await this.#findBroker({ nodeId })).metadata([topic]);
      return topicMetadata[0]?.partitionMetadata.map(({ partitionId }) => partitionId);
    } catch {
      return undefined;
    }
  }

  async #connectedCoordinator(): Promise<KafkaJsBroker> {
    if (this.#coordinator?.isConnected() === true) return this.#coordinator;
    return (this.#coordinator = this.#tap(await this.#findCoordinator({ groupId: this.#groupId })));
  }

  #tap(broker: KafkaJsBroker): KafkaJsBroker {
    if (this.#tapped.has(broker)) return broker;
    this.#tapped.add(broker);
    this.#tapJoin(broker);
    this.#tapSignOfLife(broker, 'syncGroup');
    this.#tapSignOfLife(broker, 'heartbeat');
    const sync = broker.syncGroup.bind(broker);
    broker.syncGroup = (request) => this.#join.step(() => sync(request).catch(tryAgainWhileMoving));
    this.#tapOffsetFetch(broker);
    this.#tapOffsetCommit(broker);
    return broker;
  }

  #tapJoin(broker: KafkaJsBroker): void {
    const join = broker.joinGroup.bind(broker);
    broker.joinGroup = async (request) => {
      try {
        const member = { ...request, memberId: request.memberId || this.#formerId || '' };
        const joined = await this.#join.step(() => join(member).catch(tryAgainWhileMoving));
        this.#membership = { memberId: joined.memberId, generation: joined.generationId };
        return joined;
      } finally {
        this.#formerId = undefined;
      }
    };
  }

  #tapSignOfLife(broker: KafkaJsBroker, name: 'syncGroup' | 'heartbeat'): void {
    const ask = broker[name].bind(broker);
    broker[name] = async (request) => {
      const askedAtMs = performance.now();
      const answer = await ask(request);
      this.#confirmedAtMs = Math.max(this.#confirmedAtMs, askedAtMs);
      this.#hooks.confirmed();
      return answer;
    };
  }

  #tapOffsetCommit(broker: KafkaJsBroker): void {
    const commit = broker.offsetCommit.bind(broker);
    broker.offsetCommit = async (request) => {
      if (!isReset(request)) return commit(request);
      for (const { topic, partitions } of request.topics) {
        for (const { partition } of partitions) this.#outOfRange.add(placeOf(topic, partition));
      }
      return undefined;
    };
  }

  #withOutOfRange(committed: readonly CommittedOffset[]): CommittedOffset[] {
    return committed.map((entry) =>
      this.#outOfRange.delete(placeOf(entry.topic, entry.partition)) ? { ...entry, expired: true } : entry,
    );
  }

  #tapOffsetFetch(broker: KafkaJsBroker): void {
    const fetch = broker.offsetFetch.bind(broker);
    broker.offsetFetch = async (request) => {
      const membership = this.#membership;
      const response = await fetch(request);
      // The response belongs to the previous generation; kafkajs fetches again in the new one.
      if (membership !== this.#membership) return response;
      const positions = await this.#hooks.positions(this.#withOutOfRange(committedOf(response)));
      for (const { topic, partitions } of response.responses) {
        for (const entry of partitions) {
          const position = positions.get(placeOf(topic, entry.partition));
          if (position !== undefined) entry.offset = String(position);
        }
      }
      return response;
    };
  }
}

/**
 * kafkajs rejoins at once after a rebalance error and gives up after others. It would also give up while a new coordinator is still
 * loading the group.
 */
function tryAgainWhileMoving(error: unknown): never {
  const { type, message } = error as { readonly type?: string; readonly message: string };
  if (type !== 'GROUP_LOAD_IN_PROGRESS' && type !== 'GROUP_COORDINATOR_NOT_AVAILABLE') throw error;
  throw Object.assign(new Error(message, { cause: error }), { type: 'REBALANCE_IN_PROGRESS' });
}

/** kafkajs commits a negative offset to reset a partition. It commits nothing else by itself, because auto-commit is off. */
const isReset = ({ topics }: OffsetCommitRequest): boolean =>
  topics.every(({ partitions }) => partitions.every(({ offset }) => Number(offset) < 0));

const committedOf = ({ responses }: OffsetFetchResponse): CommittedOffset[] =>
  responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset, metadata }) => ({
      topic,
      partition,
      offset: Number(offset) < 0 ? undefined : Number(offset),
      // kafkajs commits -2 ("earliest") when its position is out of range.
      expired: Number(offset) === -2,
      metadata: metadata ?? '',
    })),
  );

function byTopic(offsets: readonly OffsetCommit[]): OffsetCommitRequest['topics'] {
  const topics = new Map<string, { partition: number; offset: string; metadata: string }[]>();
  for (const { topic, partition, offset, metadata } of offsets) {
    const partitions = topics.get(topic) ?? [];
    topics.set(topic, partitions);
    partitions.push({ partition, offset: String(offset), metadata });
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

/** @throws when this is not the kafkajs that the driver was written for */
export function assertKnownCluster(cluster: unknown): asserts cluster is KafkaJsCluster {
  const candidate = cluster as Record<string, unknown>;
  const names = ['findGroupCoordinator', 'findBroker', 'fetchTopicsOffset', 'findTopicPartitionMetadata', 'getNodeIds'];
  const missing = names.filter((name) => typeof candidate[name] !== 'function');
  if (missing.length > 0)
    throw new Error(
      `The driver supports kafkajs 2.2.4. The installed version has no ${missing.join(', ')} on its cluster object; install kafkajs ^2.2.4.`,
    );
}
