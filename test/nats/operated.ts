import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { nats, type NatsOptions } from 'nest-transport/nats';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Operated } from '../operator/operated.js';
import { OperatorTable } from '../operator/table.js';

export const table = new OperatorTable('NATS');

/** How the applications of one scene reach the servers. */
export interface Plan {
  readonly publisher: NatsOptions;
  readonly consumer: NatsOptions;
  /** What the consumer subscribes to, relative to the topic. @default the topic itself */
  readonly pattern?: string;
  /** Of the stream that an operator has made. */
  readonly stream?: object;
}

/** The stream is the operator's. */
export class NatsScene extends Operated {
  readonly base = uniqueName('operated');
  readonly stream = uniqueName('stream');
  /** Where it publishes now. */
  topic = `${this.base}.a`;
  readonly #plan: Plan;
  #operator: NatsConnection | undefined;
  #manager: JetStreamManager | undefined;

  constructor(plan: Plan) {
    super(table, { steadyMs: 3_000, stoppedMs: 6_000, mostSilentS: 15 });
    this.#plan = plan;
  }

  /** Whom the consumer logs in as. */
  get user(): string {
    return (this.#plan.consumer.auth as { user?: string } | undefined)?.user ?? '';
  }

  get jsm(): JetStreamManager {
    if (this.#manager === undefined) throw new Error('the scene has not started');
    return this.#manager;
  }

  /** What the client has no method for. */
  async request(subject: string, body: object = {}): Promise<void> {
    const answer = await this.#operator?.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: 10_000 });
    const { error } = answer?.json<{ error?: { description: string } }>() ?? {};
    if (error !== undefined) throw new Error(`${subject}: ${error.description}`);
  }

  async consumer(): Promise<string> {
    const [info] = await this.jsm.consumers.list(this.stream).next();
    if (info === undefined) throw new Error(`stream "${this.stream}" has no consumer`);
    return info.name;
  }

  async makeStream(): Promise<void> {
    const { stream: config = {} } = this.#plan;
    await this.jsm.streams.add({ name: this.stream, subjects: [this.topic], ...config });
  }

  /** Resolves when messages flow. */
  async start(): Promise<void> {
    const { publisher: shop, consumer: stock, pattern = 'a' } = this.#plan;
    const { user, password } = (shop.auth ?? {}) as { user?: string; password?: string };
    const login = user === undefined ? {} : { user, pass: password ?? '' };
    this.#operator = await connect({ servers: [...shop.servers], name: 'operator', ...login });
    this.#manager = await jetstreamManager(this.#operator);
    await this.makeStream();
    const publishing = { publishTimeoutMs: 10_000 };
    const subscribe = { maxInFlight: 16, deadLetterTopic: false } as const;
    const sides = [stock, shop].map((options) => ({ broker: nats(options), publishing }));
    await this.boot(`${this.base}.${pattern}`, subscribe, sides[0] ?? {}, sides[1] ?? {});
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#operator?.close();
  }
}
