import type { Broker } from 'nest-transport';

/** A broker that the samples can run on. Adding one is a row here, and in the demo a row that says how one is started. */
export interface BrokerRecipe {
  /** For people. */
  readonly title: string;
  /** The variable that names its servers. */
  readonly variable: string;
  /** Where one usually listens. */
  readonly usual: string;
  /** The one line that differs between brokers. The driver is loaded when it is wanted. */
  open(servers: readonly string[]): Promise<Broker>;
}

// provision: a sample has to run on a broker that was started a minute ago; a shop would create its topics by hand.
export const BROKER_RECIPES = {
  kafka: {
    title: 'Kafka',
    variable: 'KAFKA_BROKERS',
    usual: 'localhost:9092',
    open: async (brokers) => (await import('nest-transport/kafka')).kafka({ brokers, provision: { partitions: 6 } }),
  },
  nats: {
    title: 'NATS',
    variable: 'NATS_URL',
    usual: 'localhost:4222',
    open: async (servers) => (await import('nest-transport/nats')).nats({ servers, provision: {} }),
  },
  nsq: {
    title: 'NSQ',
    variable: 'NSQD_TCP',
    usual: 'localhost:4150',
    open: async (nsqd) => (await import('nest-transport/nsq')).nsq({ nsqd }),
  },
  rabbitmq: {
    title: 'RabbitMQ',
    variable: 'RABBITMQ_URL',
    usual: 'amqp://localhost:5672',
    open: async (url) => (await import('nest-transport/rabbitmq')).rabbitmq({ url }),
  },
} as const satisfies Record<string, BrokerRecipe>;

/** A broker of servers; `memory` is none of them, it lives in one process. */
export type ServerBrokerName = keyof typeof BROKER_RECIPES;

export const SERVER_BROKERS = Object.keys(BROKER_RECIPES) as readonly ServerBrokerName[];

export const isServerBroker = (name: string): name is ServerBrokerName => Object.hasOwn(BROKER_RECIPES, name);
