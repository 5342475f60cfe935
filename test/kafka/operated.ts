import type { Publisher, SubscribeOptions } from 'nest-transport';
import { kafka } from 'nest-transport/kafka';
import type { KafkaCluster } from '../../tools/brokers/kafka.mjs';
import { Operated } from '../operator/operated.js';
import { OperatorTable } from '../operator/table.js';
import { grant, revoke, userLogin, type Right } from './acl.js';
import { createTopic, newTopic, uniqueName, type Latch } from './support.js';

export const table = new OperatorTable('Kafka');

export interface Plan {
  readonly partitions?: number;
  readonly subscribe?: SubscribeOptions;
  /** Every handler fails, so that each message becomes a dead letter. @default false */
  readonly fails?: boolean;
}

/** With the rights that the documentation lists; messages flow when they flow in each partition. */
export class KafkaScene extends Operated {
  readonly topic: string;
  readonly group = uniqueName('operated');
  readonly cluster: KafkaCluster;
  readonly #plan: Plan;
  readonly #rights: readonly Right[];
  /** The newest of each partition that was handled. */
  readonly #newest = new Map<number, number>();
  partitions: number;
  /** Handlers wait for it. */
  gate: Latch | undefined;

  private constructor(cluster: KafkaCluster, topic: string, plan: Plan) {
    super(table, { steadyMs: 0, stoppedMs: 0, mostSilentS: Infinity });
    this.cluster = cluster;
    this.topic = topic;
    this.#plan = plan;
    this.partitions = plan.partitions ?? 3;
    this.#rights = [this.readTopic, this.readGroup, this.writeTopic, this.writeDeadLetters];
  }

  static async start(cluster: KafkaCluster, plan: Plan = {}): Promise<KafkaScene> {
    const topic = await newTopic(plan.partitions ?? 3, {}, cluster.brokers);
    const scene = new KafkaScene(cluster, topic, plan);
    await createTopic(cluster.brokers, scene.deadLetterTopic, 1);
    await grant(cluster.brokers, ...scene.#rights);
    await scene.#start();
    return scene;
  }

  get deadLetterTopic(): string {
    return `${this.topic}.${this.group}.dead-letter`;
  }

  get readTopic(): Right {
    return { on: 'TOPIC', name: this.topic, to: ['READ'] };
  }

  get readGroup(): Right {
    return { on: 'GROUP', name: this.group, to: ['READ'] };
  }

  get writeTopic(): Right {
    return { on: 'TOPIC', name: this.topic, to: ['WRITE'] };
  }

  get writeDeadLetters(): Right {
    return { on: 'TOPIC', name: this.deadLetterTopic, to: ['WRITE'] };
  }

  grant(...rights: readonly Right[]): Promise<void> {
    return grant(this.cluster.brokers, ...rights);
  }

  revoke(...rights: readonly Right[]): Promise<void> {
    return revoke(this.cluster.brokers, ...rights);
  }

  #start(): Promise<void> {
    const options = { brokers: this.cluster.users, ...userLogin, metadataMaxAgeMs: 2_000, sessionTimeoutMs: 10_000 };
    const transport = { broker: kafka(options), publishing: { publishTimeoutMs: 8_000 }, subscriptions: {} };
    return this.boot(this.topic, { group: this.group, ...this.#plan.subscribe }, transport, transport);
  }

  protected override publish(publisher: Publisher, n: number): Promise<unknown> {
    return publisher.publish(this.topic, { n }, { partition: n % this.partitions });
  }

  protected override async took(n: number, partition = 0): Promise<void> {
    await this.gate?.wait();
    this.#newest.set(partition, Math.max(n, this.#newest.get(partition) ?? -1));
    await super.took(n, partition);
    if (this.#plan.fails === true) throw new Error('it fails, as planned');
  }

  protected override flowsSince(ms: number): boolean {
    const partitions = Array.from({ length: this.partitions }, (_, partition) => this.#newest.get(partition) ?? -1);
    return partitions.every((n) => this.publishedSince(ms, n));
  }

  /** n.b. one partition may be stored while another is not. */
  protected override isReported(sinceMs: number): boolean {
    return this.says('consumer', sinceMs) || this.says('publisher', sinceMs);
  }

  /** Puts the rights back. */
  override async close(): Promise<void> {
    await super.close();
    await revoke(this.cluster.brokers, ...this.#rights);
  }
}
