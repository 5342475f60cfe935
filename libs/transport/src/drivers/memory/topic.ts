import { refuseUnknownPartitions, type OutgoingMessage, type Reply, type Subscription } from '../../contract/index.js';
import { MemoryGroup } from './group.js';
import { partitionOf, type MemoryRecord } from './mapping.js';
import type { ResolvedMemoryOptions } from './options.js';
import { PartitionLog } from './partition-log.js';

/** A topic: one log per partition, and the groups that read them. */
export class MemoryTopic {
  readonly #options: ResolvedMemoryOptions;
  readonly #logs: readonly PartitionLog[];
  readonly #groups = new Map<string, MemoryGroup>();
  /** The same groups in an array, because it is iterated once per message. */
  readonly #readers: MemoryGroup[] = [];
  #turn = 0;

  constructor(options: ResolvedMemoryOptions) {
    this.#options = options;
    const retained = Math.ceil(options.retainMessages / options.partitions);
    this.#logs = Array.from({ length: options.partitions }, (_, partition) => new PartitionLog(partition, retained));
  }

  get partitions(): number {
    return this.#logs.length;
  }

  append(
    message: OutgoingMessage,
    storedAt: number,
    reply?: (reply: Reply) => void,
    requesterLeft?: AbortSignal,
  ): MemoryRecord {
    const partition = message.partition ?? this.#choosePartition(message.key);
    const log = this.#logs[partition] as PartitionLog;
    const record = { message, partition, offset: log.end, storedAt, reply, requesterLeft };
    log.append(record);
    for (const group of this.#readers) group.wake();
    return record;
  }

  /**
   * Returns the group of a subscription. A new group starts at `startFrom`. A group that subscribes to a topic both by name and by
   * pattern has a position for each.
   * @throws TransportError `TRANSPORT_OPTION_CONFLICT` when `startFrom` names a partition that does not exist
   */
  group(subscription: Subscription, warn: (warning: string) => void): MemoryGroup {
    const { group: name, topic: subscribed, startFrom } = subscription;
    refuseUnknownPartitions('memory', subscription, this.partitions);
    const identity = identityOf(name, subscribed);
    const known = this.#groups.get(identity);
    if (known !== undefined) return known;
    const group = new MemoryGroup(name, this.#logs, startFrom, warn);
    this.#groups.set(identity, group);
    this.#readers.push(group);
    return group;
  }

  /** Ends the group, so that no message is retained for it. */
  forget(name: string, subscribed: string): void {
    const group = this.#groups.get(identityOf(name, subscribed));
    if (group === undefined) return;
    this.#groups.delete(identityOf(name, subscribed));
    this.#readers.splice(this.#readers.indexOf(group), 1);
    group.end();
  }

  #choosePartition(key: string | undefined): number {
    if (key !== undefined) return partitionOf(key, this.#options.partitions);
    this.#turn = (this.#turn + 1) % this.#options.partitions;
    return this.#turn;
  }
}

const identityOf = (group: string, subscribed: string): string => `${group} ${subscribed}`;
