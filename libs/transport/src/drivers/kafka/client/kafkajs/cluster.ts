import { groupBy } from '../../publishing/group-by.js';
import { JoinWatch } from './join-watch.js';
import type { ClientFailure, CommittedOffset, OffsetCommit, PartitionPlace, ReadPosition } from '../seam.js';

/**
 * The part of kafkajs 2.2.4 that is not in its public types: a consumer's own connection to the cluster, which kafkajs
 * hands to every partition assigner. What we need and its consumer does not offer goes through here:
 *
 * - wait before a join (`findGroupCoordinator` is asked before each): "revoke that waits"
 * - answer where a partition is read from (`offsetFetch`), so that partitions which stay are not read twice, nothing has
 *   to be sought, and the metadata of commits is seen
 * - refuse kafkajs' own commit when a position is out of range (`offsetCommit` of a negative number): it would overwrite the
 *   group's offset, which may still be there
 * - commit in the name of the generation that had the partition (`offsetCommit`): kafkajs' own commit takes the current
 *   generation, so that a late one would overwrite the next owner's
 * - know when the group last counted the member as alive (`syncGroup`, `heartbeat`), by when it was asked and not by when the
 *   answer was read: between them this process may have been stopped
 * - notice that kafkajs gives a join up and goes on as before (`findGroupCoordinator`, `joinGroup`, `syncGroup`), and have it try again
 *   while the group's coordinator moves to another broker
 * - join again under the id of a member that died (`joinGroup`), so that the group need not wait for its session to end
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

/** How the consumer's connection is listened to. */
export interface ClusterHooks {
  beforeJoin(): Promise<void>;
  /** The committed offsets go in, the offsets to read from come out. */
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

/** One consumer's cluster, listened to. Only objects of this one consumer are touched, no module of kafkajs. */
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
  /** Places that kafkajs found out of range, until it asks where to go on. */
  readonly #outOfRange = new Set<string>();
  #confirmedAtMs = 0;
  /** The id to join under when kafkajs has none; forgotten as soon as the broker does not know it. */
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

  /** The join that was begun last has ended. */
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

  /** One try, in the name of the generation joined last. */
  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    const membership = this.#membership;
    if (membership === undefined) throw new Error(`the member of group "${this.#groupId}" has not joined yet`);
    try {
      const coordinator = await this.#connectedCoordinator();
      await coordinator.offsetCommit({
        groupId: this.#groupId,
        memberId: membership.memberId,
        groupGenerationId: membership.generation,
        topics: byTopic(offsets),
      });
    } catch (error) {
      // The group may have another coordinator by now; the next try asks.
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
    // n.b. not the tapped one: that would answer with positions.
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
    // n.b. the broker says -1 for "nothing since then".
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
      // An answer to the generation before; kafkajs asks again in the new one.
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
 * kafkajs joins again at once after a rebalance, and gives up after other errors: also when another broker has just become the group's
 * coordinator, and reads what it needs to know of the group.
 */
function tryAgainWhileMoving(error: unknown): never {
  const { type, message } = error as { readonly type?: string; readonly message: string };
  if (type !== 'GROUP_LOAD_IN_PROGRESS' && type !== 'GROUP_COORDINATOR_NOT_AVAILABLE') throw error;
  throw Object.assign(new Error(message, { cause: error }), { type: 'REBALANCE_IN_PROGRESS' });
}

/** kafkajs' word for "reset this partition": it commits no other offset by itself, as nothing is auto-committed. */
const isReset = ({ topics }: OffsetCommitRequest): boolean =>
  topics.every(({ partitions }) => partitions.every(({ offset }) => Number(offset) < 0));

const committedOf = ({ responses }: OffsetFetchResponse): CommittedOffset[] =>
  responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset, metadata }) => ({
      topic,
      partition,
      offset: Number(offset) < 0 ? undefined : Number(offset),
      // n.b. kafkajs commits this number ("earliest") when its position is out of range.
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
    throw new Error(`this kafkajs is not the one the driver knows (2.2.4): its cluster has no ${missing.join(', ')}`);
}
