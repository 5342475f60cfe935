import { BROKER_RECIPES, UsageError, type ServerBrokerName } from '@demo/platform';
import { removeKafkaTraces } from './kafka-traces.js';
import { removeNatsTraces } from './nats-traces.js';
import { removeNsqTraces } from './nsq-traces.js';
import { removeRabbitmqTraces } from './rabbitmq-traces.js';
import type { VenueOptions } from './venue.js';
import { importFromWorkspace } from './workspace-root.js';

/** The servers of a run. */
export interface ServerSource {
  readonly servers: readonly string[];
  /** In words, for the reader: where they came from. */
  readonly origin: string;
  /** Somebody else may use them as well: topics and groups then get names of this run alone. */
  readonly shared: boolean;
  /** Stops what was started, and removes from shared ones what has this prefix. */
  release(prefix: string): Promise<void>;
}

/** How tools/brokers starts a broker: plain JavaScript, loaded only when one is wanted. */
type UseServers = (options: { env: NodeJS.ProcessEnv; log: (line: string) => void }) => Promise<{
  readonly env: Readonly<Record<string, string>>;
  readonly source: 'listening' | 'container' | 'private';
  stop(): Promise<void>;
}>;
type Probe = (address: string, timeoutMs: number) => Promise<{ readonly ok: boolean }>;

interface Starter {
  /** Module and name of the function. */
  readonly use: readonly [module: string, name: string];
  readonly probe: readonly [module: string, name: string];
  /** The other variables that its starter reads, and what they are where a broker listens at its usual address. */
  readonly companions?: Readonly<Record<string, string>>;
  /** @param env its variables, as the starter gave them */
  removeTraces(servers: readonly string[], prefix: string, env: Readonly<Record<string, string>>): Promise<void>;
}

const STARTERS: Readonly<Record<ServerBrokerName, Starter>> = {
  kafka: {
    use: ['tools/brokers/kafka.mjs', 'useKafka'],
    probe: ['tools/brokers/kafka/probe.mjs', 'probeKafka'],
    removeTraces: removeKafkaTraces,
  },
  nats: {
    use: ['tools/brokers/nats.mjs', 'useNats'],
    probe: ['tools/brokers/nats/probe.mjs', 'probeNats'],
    removeTraces: removeNatsTraces,
  },
  nsq: {
    use: ['tools/brokers/nsq.mjs', 'useNsq'],
    probe: ['tools/brokers/nsq/probe.mjs', 'probeNsqd'],
    companions: { NSQD_HTTP: '127.0.0.1:4151', NSQLOOKUPD_HTTP: '127.0.0.1:4161' },
    removeTraces: removeNsqTraces,
  },
  rabbitmq: {
    use: ['tools/brokers/rabbitmq.mjs', 'useRabbitmq'],
    probe: ['tools/brokers/rabbitmq/probe.mjs', 'probeRabbitmq'],
    removeTraces: removeRabbitmqTraces,
  },
};

/**
 * The servers that the broker's variable names, else those that listen where they usually do, else one started for this run.
 * @throws UsageError, with the command that helps, when a named one does not answer or none can be started
 */
export async function findServers(
  broker: ServerBrokerName,
  { env, say, onStarting }: Pick<VenueOptions, 'env' | 'say' | 'onStarting'>,
): Promise<ServerSource> {
  const { title, variable } = BROKER_RECIPES[broker];
  const starter = STARTERS[broker];
  // A probe connects to one address, and "localhost" can resolve to two.
  const usual = BROKER_RECIPES[broker].usual.replace('localhost', '127.0.0.1');
  const isUsual = !env[variable] && (await listens(starter, usual));
  const named = env[variable] || (isUsual ? usual : undefined);
  if (named === undefined) {
    say(`no ${title} listens: starting one for this run ...`);
    onStarting();
  }
  const use = await load<UseServers>(starter.use);
  const log = (line: string): void => say(`[${broker}] ${line}`);
  const companions = isUsual ? { ...starter.companions, ...withoutEmpty(env) } : env;
  const found = await use({ env: { ...companions, [variable]: named }, log }).catch(asUsageError);
  const servers = (found.env[variable] ?? '').split(',');
  if (found.source !== 'listening') {
    return { servers, origin: 'started for this run', shared: false, release: () => found.stop() };
  }
  const release = (prefix: string): Promise<void> => starter.removeTraces(servers, prefix, found.env);
  return { servers, origin: `already listening at ${servers.map(withoutLogin).join(', ')}`, shared: true, release };
}

const withoutEmpty = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value));

/** The address alone: it is for people to read, and a password may be in it. */
const withoutLogin = (server: string): string => server.replace(/\/\/[^@/]*@/, '//');

/** Told by name, because the starter's class is loaded only when it is needed. */
function asUsageError(error: unknown): never {
  if (error instanceof Error && error.name === 'BrokerUnavailable') throw new UsageError(`demo: ${error.message}`);
  throw error;
}

async function listens({ probe }: Starter, address: string): Promise<boolean> {
  return (await (await load<Probe>(probe))(address, 500)).ok;
}

async function load<What>([module, name]: readonly [module: string, name: string]): Promise<What> {
  return ((await importFromWorkspace(module)) as Record<string, What>)[name] as What;
}
