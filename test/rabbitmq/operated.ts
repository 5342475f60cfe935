import { rabbitmq, type RabbitmqOptions } from 'nest-transport/rabbitmq';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { Operated } from '../operator/operated.js';
import { OperatorTable } from '../operator/table.js';

export const table = new OperatorTable('RabbitMQ');

/** Each of the two applications sees the server alone. */
export class RabbitmqScene extends Operated {
  readonly topic = uniqueName('operated');
  readonly exchange = uniqueName('shop');
  readonly user: string;
  readonly #options: RabbitmqOptions;

  constructor(options: RabbitmqOptions) {
    super(table, { steadyMs: 3_000, stoppedMs: 6_000, mostSilentS: 15 });
    this.user = options.username ?? '';
    this.#options = { ...options, exchange: this.exchange, heartbeatMs: 2_000 };
  }

  get queue(): string {
    return `${this.service}:${this.topic}`;
  }

  /** Resolves when messages flow. */
  start(): Promise<void> {
    const transport = { broker: rabbitmq(this.#options), publishing: { publishTimeoutMs: 10_000 } };
    return this.boot(this.topic, {}, transport, transport);
  }
}
