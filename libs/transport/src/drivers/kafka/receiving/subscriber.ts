import type { BrokerHost, Consumption, Subscription, SubscriptionSink } from '../../../contract/index.js';
import type { KafkaClient } from '../client/seam.js';
import { groupBy } from '../group-by.js';
import { GroupSupervisor } from './group-supervisor.js';
import type { ResolvedKafkaOptions } from '../options.js';
import type { Topics } from '../topology/topics.js';

/** A running consumption: one member per group, subscribed to all topics of the group. */
export class KafkaConsumption implements Consumption {
  readonly #groups: readonly GroupSupervisor[];
  /** In the order of `consume`. */
  readonly #subscriptions: readonly Subscription[];
  readonly #open: Set<KafkaConsumption>;
  #closed: Promise<void> | undefined;

  private constructor(
    groups: readonly GroupSupervisor[],
    subscriptions: readonly Subscription[],
    open: Set<KafkaConsumption>,
  ) {
    this.#groups = groups;
    this.#subscriptions = subscriptions;
    this.#open = open;
  }

  /**
   * Resolves when every group's member is placed.
   * @param open holds the consumption until it is closed
   * @throws TransportError when one cannot be placed, after closing the others
   */
  static async start(
    host: BrokerHost,
    client: KafkaClient,
    topics: Topics,
    subscriptions: readonly SubscriptionSink[],
    options: ResolvedKafkaOptions,
    open: Set<KafkaConsumption>,
  ): Promise<KafkaConsumption> {
    const byGroup = groupBy(subscriptions, ({ subscription }) => subscription.group);
    const groups = [...byGroup].map(
      ([group, sinks]) => new GroupSupervisor(host, client, topics, group, sinks, options),
    );
    const consumption = new KafkaConsumption(
      groups,
      subscriptions.map(({ subscription }) => subscription),
      open,
    );
    open.add(consumption);
    try {
      await Promise.all(groups.map((group) => group.start()));
    } catch (error) {
      await consumption.close();
      throw error;
    }
    return consumption;
  }

  get problems(): string[] {
    return this.#groups.flatMap((group) => group.problems);
  }

  get isDown(): boolean {
    return this.#groups.some((group) => group.isDown);
  }

  async untilEnd(): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.untilEnd()));
  }

  async waiting(): Promise<readonly (number | undefined)[]> {
    const asked = this.#groups.map(async (group) => [group.name, await group.waiting()] as const);
    const byGroup = new Map(await Promise.all(asked));
    return this.#subscriptions.map(({ topic, group }) => byGroup.get(group)?.get(topic));
  }

  stop(): Promise<void> {
    for (const group of this.#groups) group.stop();
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#groups.map((group) => group.close())).finally(() => this.#open.delete(this));
  }
}
