import { readFlags, UsageError, type Flag } from './command-line.js';

/** How a sample service that runs alone was started. */
export interface ServiceOptions {
  readonly port: number;
  readonly brokers: readonly string[];
  readonly databaseUrl: string | undefined;
  readonly help: boolean;
}

export const SERVICE_FLAGS = {
  broker: { value: 'kafka', about: 'which broker (default kafka)' },
  brokers: { value: 'host:port,...', about: 'where it listens (default KAFKA_BROKERS, else localhost:9092)' },
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
  refuseOtherBrokers(service, flags.broker ?? 'kafka');
  return {
    port: readPort(service, flags.port ?? (env['PORT'] || String(defaultPort))),
    brokers: readBrokers(service, flags.brokers ?? (env['KAFKA_BROKERS'] || 'localhost:9092')),
    databaseUrl: env['DATABASE_URL'] || undefined,
    help: flags.help ?? false,
  };
}

function refuseOtherBrokers(service: string, broker: string): void {
  if (broker === 'kafka') return;
  if (broker === 'memory') {
    throw new UsageError(
      `${service}: the memory broker lives inside one process, so nobody else would hear this service. ` +
        'Run both services in one process: npm run demo.',
    );
  }
  throw new UsageError(`${service}: there is no broker "${broker}" here; --broker takes kafka.`);
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
  const wrong = brokers.find((broker) => !/^[^\s:]+:\d+$/.test(broker) && !/^\[[\da-f:]+\]:\d+$/i.test(broker));
  if (wrong === undefined) return brokers;
  throw new UsageError(`${program}: brokers are written host:port and parted by commas, got "${wrong}".`);
}
