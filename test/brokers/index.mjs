// Every real broker that tests know, by name. A spec named `x.<name>.spec.ts` needs that broker.
import { useKafka } from './kafka.mjs';
import { useNats } from './nats.mjs';
import { useNsq } from './nsq.mjs';
import { useRabbitmq } from './rabbitmq.mjs';

export { BrokerUnavailable } from './unavailable.mjs';

/**
 * @typedef {object} SharedBroker
 * @property {Record<string, string>} env where it is, as the suites and apps read it
 * @property {string} source how it was got, for people
 * @property {() => Promise<void>} stop ends only what this call started
 */

/**
 * @typedef {object} BrokerOptions
 * @property {boolean} [installSystemPackages] (default: where CI is set)
 * @property {(line: string) => void} [log]
 */

/** @type {Record<string, (options?: BrokerOptions) => Promise<SharedBroker>>} */
export const brokers = {
  kafka: useKafka,
  nats: useNats,
  nsq: useNsq,
  rabbitmq: useRabbitmq,
};
