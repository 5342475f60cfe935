// Every real broker that tests know, by name. A spec named `x.<name>.spec.ts` needs that broker.
import { kafka } from './kafka.mjs';
import { nats } from './nats.mjs';
import { nsq } from './nsq.mjs';
import { rabbitmq } from './rabbitmq.mjs';

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

/**
 * @typedef {object} Broker
 * @property {(options?: BrokerOptions) => Promise<SharedBroker>} use the one to share
 * @property {(options: BrokerOptions) => Promise<unknown>} prepare brings what a private one needs, without starting it
 * @property {(options: BrokerOptions) => Promise<unknown>} prepareSuites brings what its suites need beside one to share: certificates, foreign clients, what private ones are made of
 * @property {(ports: number[]) => Promise<{ env: Record<string, string>, stop: () => Promise<void> }>} startAt a private one on these ports
 * @property {(nodes: number) => Promise<{ env: Record<string, string>, nodes: readonly { pid: number }[], stop: () => Promise<void> }>} startCluster a private one of several nodes, on free ports
 * @property {string} service of compose.yaml
 * @property {Record<string, number>} ports usual ones, by their variable in compose.yaml
 * @property {(ports: number[]) => Record<string, string>} envOf the variables of one that listens there
 * @property {(env: Record<string, string | undefined>) => Promise<string | undefined>} whyNot why what the variables name is none of these; undefined when it answers
 */

/** @type {Record<string, Broker>} */
export const brokers = { kafka, nats, nsq, rabbitmq };
