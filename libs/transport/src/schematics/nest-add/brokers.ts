import { invalidOption } from '../refusal.js';

/** The brokers that the schematics can set up. */
export type BrokerChoice = 'memory' | 'kafka' | 'nats' | 'nsq' | 'rabbitmq';

/** What an application needs to run on a broker. */
export interface BrokerSetup {
  /** The client's packages with their versions; those of our peer dependencies. */
  readonly packages: Readonly<Record<string, string>>;
  /** The expression that makes the broker. Addresses may come from the environment. */
  readonly expression: string;
  /** The service of a compose file, for a machine of a developer; undefined where nothing has to run. */
  readonly compose: ComposeService | undefined;
}

/** A service as a compose file has it. Its name is the broker's. */
export interface ComposeService {
  readonly image: string;
  readonly command?: string;
  readonly port: number;
  /** A command of the shell in the container that succeeds when the broker can be used. */
  readonly health: string;
  /** How often that is asked, in seconds. */
  readonly everySeconds: number;
}

const listFrom = (variable: string, address: string): string => `(process.env.${variable} ?? '${address}').split(',')`;

/** The expressions of the addresses, for those brokers that have one. */
export const ADDRESSES = {
  kafka: listFrom('KAFKA_BROKERS', 'localhost:9092'),
  nats: listFrom('NATS_SERVERS', 'localhost:4222'),
  nsq: listFrom('NSQD', 'localhost:4150'),
  rabbitmq: "process.env.RABBITMQ_URL ?? 'amqp://localhost:5672'",
} as const;

export const BROKERS: Readonly<Record<BrokerChoice, BrokerSetup>> = {
  memory: { packages: {}, expression: 'memory()', compose: undefined },
  kafka: {
    packages: { kafkajs: '^2.2.4' },
    expression: `kafka({ brokers: ${ADDRESSES.kafka}, provision: {} })`,
    compose: {
      image: 'apache/kafka:4.1.1',
      port: 9092,
      health: '/opt/kafka/bin/kafka-broker-api-versions.sh --bootstrap-server 127.0.0.1:9092 > /dev/null',
      everySeconds: 3,
    },
  },
  nats: {
    packages: { '@nats-io/jetstream': '^3.4.0', '@nats-io/transport-node': '^3.4.0' },
    expression: `nats({ servers: ${ADDRESSES.nats}, provision: {} })`,
    compose: {
      image: 'nats:2-alpine',
      command: "['--jetstream', '--store_dir', '/data', '--http_port', '8222']",
      port: 4222,
      health: 'wget -q -O /dev/null http://127.0.0.1:8222/healthz',
      everySeconds: 1,
    },
  },
  nsq: {
    packages: {},
    expression: `nsq({ nsqd: ${ADDRESSES.nsq} })`,
    compose: {
      image: 'nsqio/nsq:v1.3.0',
      command: '/nsqd --broadcast-address=127.0.0.1',
      port: 4150,
      health: 'wget -q -O /dev/null http://127.0.0.1:4151/ping',
      everySeconds: 1,
    },
  },
  rabbitmq: {
    packages: { amqplib: '^2.3.0' },
    expression: `rabbitmq({ url: ${ADDRESSES.rabbitmq} })`,
    compose: {
      image: 'rabbitmq:3.13-management-alpine',
      port: 5672,
      health: 'rabbitmq-diagnostics -q check_port_connectivity',
      everySeconds: 3,
    },
  },
};

export const BROKER_CHOICES = Object.keys(BROKERS) as BrokerChoice[];

/** @throws TransportError `TRANSPORT_OPTION_INVALID` when there is no such broker. */
export function brokerCalled(name: string): BrokerChoice {
  const found = BROKER_CHOICES.find((choice) => choice === name);
  if (found !== undefined) return found;
  throw invalidOption(`There is no broker "${name}". Say one of ${BROKER_CHOICES.join(', ')}.`);
}
