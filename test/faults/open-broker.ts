import type { Broker } from 'nest-transport';

/** A broker by name and options, so that a process can be told on its command line which one it is to take. */
export interface BrokerOrder {
  readonly name: keyof typeof OPENERS;
  readonly options: object;
}

const OPENERS = {
  kafka: async (options: object) => (await import('nest-transport/kafka')).kafka(options as never),
  nats: async (options: object) => (await import('nest-transport/nats')).nats(options as never),
  nsq: async (options: object) => (await import('nest-transport/nsq')).nsq(options as never),
  rabbitmq: async (options: object) => (await import('nest-transport/rabbitmq')).rabbitmq(options as never),
} as const satisfies Record<string, (options: object) => Promise<Broker>>;

export const openBroker = ({ name, options }: BrokerOrder): Promise<Broker> => OPENERS[name](options);
