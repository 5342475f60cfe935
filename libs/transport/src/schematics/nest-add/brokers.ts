/** The brokers that `nest add` can set up. */
export type BrokerChoice = 'memory' | 'kafka' | 'nats' | 'nsq' | 'rabbitmq';

/** What an application needs to run on a broker. */
export interface BrokerSetup {
  /** The client's packages with their versions; those of our peer dependencies. */
  readonly packages: Readonly<Record<string, string>>;
  /** The expression that makes the broker. Addresses may come from the environment. */
  readonly expression: string;
  /** `compose.yaml` for a machine of a developer; undefined where nothing has to run. */
  readonly compose: string | undefined;
}

const listFrom = (variable: string, address: string): string => `(process.env.${variable} ?? '${address}').split(',')`;

const NSQ_COMPOSE = `services:
  nsqd:
    image: nsqio/nsq:v1.3.0
    command: /nsqd --broadcast-address=127.0.0.1
    ports:
      - '127.0.0.1:4150:4150'
`;

const service = (name: string, image: string, port: number, more = ''): string =>
  `services:\n  ${name}:\n    image: ${image}\n${more}    ports:\n      - '127.0.0.1:${port}:${port}'\n`;

export const BROKERS: Readonly<Record<BrokerChoice, BrokerSetup>> = {
  memory: { packages: {}, expression: 'memory()', compose: undefined },
  kafka: {
    packages: { kafkajs: '^2.2.4' },
    expression: `kafka({ brokers: ${listFrom('KAFKA_BROKERS', 'localhost:9092')}, provision: {} })`,
    compose: service('kafka', 'apache/kafka:4.1.1', 9092),
  },
  nats: {
    packages: { '@nats-io/jetstream': '^3.4.0', '@nats-io/transport-node': '^3.4.0' },
    expression: `nats({ servers: ${listFrom('NATS_SERVERS', 'localhost:4222')}, provision: {} })`,
    compose: service('nats', 'nats:2-alpine', 4222, "    command: ['--jetstream', '--store_dir', '/data']\n"),
  },
  nsq: {
    packages: {},
    expression: `nsq({ nsqd: ${listFrom('NSQD', 'localhost:4150')} })`,
    compose: NSQ_COMPOSE,
  },
  rabbitmq: {
    packages: { amqplib: '^2.3.0' },
    expression: `rabbitmq({ url: process.env.RABBITMQ_URL ?? 'amqp://localhost:5672' })`,
    compose: service('rabbitmq', 'rabbitmq:3.13-management-alpine', 5672),
  },
};
