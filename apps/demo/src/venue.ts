import { BROKER_RECIPES } from '@demo/platform';
import type { Broker } from 'nest-transport';
import type { BrokerName } from './command-line.js';
import type { Closers } from './closers.js';
import { findServers } from './server-source.js';

/** Where a run takes place. */
export interface Venue {
  readonly broker: Broker;
  /** In words, for the reader. */
  readonly origin: string;
  /** Goes before topics and groups, so that runs that share a broker never meet; empty where a run is alone. */
  readonly prefix: string;
}

export interface VenueOptions {
  readonly broker: BrokerName;
  readonly run: string;
  readonly env: NodeJS.ProcessEnv;
  readonly closers: Closers;
  readonly say: (line: string) => void;
  /** Told when a server has to be started for this run. */
  readonly onStarting: () => void;
}

/** Nothing after it knows which broker it was. */
export async function openVenue({ broker: name, run, closers, ...options }: VenueOptions): Promise<Venue> {
  if (name === 'memory') return inMemory();
  const source = await findServers(name, options);
  const prefix = source.shared ? `demo-${run}.` : '';
  closers.add(BROKER_RECIPES[name].title, () => source.release(prefix));
  return { broker: await BROKER_RECIPES[name].open(source.servers), origin: source.origin, prefix };
}

async function inMemory(): Promise<Venue> {
  const { memory } = await import('nest-transport/memory');
  return { broker: memory(), origin: 'inside this process', prefix: '' };
}
