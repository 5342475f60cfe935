import type { Broker } from 'nest-transport';
import { BROKER_RECIPES, isServerBroker, SERVER_BROKERS, type ServerBrokerName } from './brokers.js';
import { readFlags, UsageError, type Flag } from './command-line.js';

/** How a sample service that runs alone was started. */
export interface ServiceOptions {
  readonly port: number;
  readonly broker: ServerBrokerName;
  readonly brokers: readonly string[];
  readonly databaseUrl: string | undefined;
  readonly help: boolean;
}

export const SERVICE_FLAGS = {
  broker: { value: SERVER_BROKERS.join('|'), about: 'which broker (default kafka)' },
  brokers: { value: 'host:port,...', about: `where it listens (default ${defaultServers()})` },
  port: { value: 'number', about: 'where HTTP listens (default PORT, else one per service)' },
  help: { about: 'this text' },
} as const satisfies Record<string, Flag>;

/**
 * Flags win over the environment, which wins over the defaults.
 * @throws UsageError for what this service cannot do
 */
export function readServiceOptions(
  service: string,
  defaultPort: number,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): ServiceOptions {
  const flags = readFlags(service, SERVICE_FLAGS, argv);
  const broker = readBroker(service, flags.broker ?? 'kafka');
  const { variable, usual } = BROKER_RECIPES[broker];
  return {
    broker,
    port: readPort(service, flags.port ?? (env['PORT'] || String(defaultPort))),
    brokers: readBrokers(service, flags.brokers ?? (env[variable] || usual)),
    databaseUrl: env['DATABASE_URL'] || undefined,
    help: flags.help ?? false,
  };
}

/** The broker that the service was started for. */
export const openBroker = ({ broker, brokers }: ServiceOptions): Promise<Broker> =>
  BROKER_RECIPES[broker].open(brokers);

function readBroker(service: string, broker: string): ServerBrokerName {
  if (isServerBroker(broker)) return broker;
  if (broker === 'memory') {
    throw new UsageError(
      `${service}: the memory broker lives inside one process, so nobody else would hear this service. ` +
        'Run both services in one process: npm run demo.',
    );
  }
  throw new UsageError(
    `${service}: there is no broker "${broker}" here; --broker takes ${SERVER_BROKERS.join(' or ')}.`,
  );
}

function defaultServers(): string {
  const texts = Object.entries(BROKER_RECIPES).map(
    ([name, { variable, usual }]) => `${name}: ${variable}, else ${usual}`,
  );
  return texts.join('; ');
}

/** @throws UsageError */
export function readPort(program: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`${program}: the port must be a number from 0 (any free one) to 65535, got "${text}".`);
}

/** @throws UsageError */
export function readBrokers(program: string, text: string): readonly string[] {
  const brokers = text.split(',').map((broker) => broker.trim());
  const wrong = brokers.find((broker) => !/^(\w+:\/\/(\S+@)?)?([^\s:@/]+|\[[\da-f:]+\]):\d+(\/\S*)?$/i.test(broker));
  if (wrong === undefined) return brokers;
  throw new UsageError(`${program}: brokers are written host:port and parted by commas, got "${wrong}".`);
}
