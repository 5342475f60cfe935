/** The part of kafkajs' partition metadata that matters here. */
interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}

/** The leader of each partition, from the latest metadata. */
export class Leaders {
  readonly #heard = new Map<string, readonly PartitionMetadata[]>();
  readonly #leaders = new Map<string, readonly number[]>();

  /** Cheap when nothing has changed: kafkajs passes the same array until it refreshes its metadata. */
  heard(topic: string, metadata: readonly PartitionMetadata[]): void {
    if (this.#heard.get(topic) === metadata) return;
    this.#heard.set(topic, metadata);
    const leaders: number[] = [];
    for (const { partitionId, leader } of metadata) leaders[partitionId] = leader;
    this.#leaders.set(topic, leaders);
  }

  countPartitions(topic: string): number {
    return this.#leaders.get(topic)?.length ?? 0;
  }

  /** undefined for a partition without metadata. */
  of(topic: string, partition: number): number | undefined {
    return this.#leaders.get(topic)?.[partition];
  }
}
