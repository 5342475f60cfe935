import { describeFlags, readFlags, SERVER_BROKERS, UsageError, type Flag, type ServerBrokerName } from '@demo/platform';

export type BrokerName = 'memory' | ServerBrokerName;

const BROKERS: readonly BrokerName[] = ['memory', ...SERVER_BROKERS];

export interface DemoOptions {
  readonly broker: BrokerName;
  readonly json: boolean;
  readonly serve: boolean;
  readonly help: boolean;
}

const FLAGS = {
  broker: { value: BROKERS.join('|'), about: 'which broker carries the events (default memory)' },
  json: { about: 'the last line of stdout is one JSON object, everything else goes to stderr' },
  serve: { about: 'stay up after the run, until Ctrl-C' },
  help: { about: 'this text' },
} as const satisfies Record<string, Flag>;

export const HELP = describeFlags('npm run demo --', FLAGS);

/** @throws UsageError for what the demo cannot do */
export function readDemoOptions(argv: readonly string[]): DemoOptions {
  const { broker = 'memory', json = false, serve = false, help = false } = readFlags('demo', FLAGS, argv);
  if (!isBrokerName(broker)) {
    throw new UsageError(`demo: there is no broker "${broker}" here; --broker takes ${BROKERS.join(' or ')}.`);
  }
  return { broker, json, serve, help };
}

const isBrokerName = (name: string): name is BrokerName => BROKERS.some((known) => known === name);
