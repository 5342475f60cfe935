import type { Broker } from 'nest-transport';
import type { BrokerName } from './command-line.js';
import type { Closers } from './closers.js';
import { findKafka } from './kafka-source.js';

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
}

/** The one line that differs between brokers is in here; nothing after it knows which it was. */
export function openVenue(options: VenueOptions): Promise<Venue> {
  return options.broker === 'kafka' ? onKafka(options) : inMemory();
}

async function inMemory(): Promise<Venue> {
  const { memory } = await import('nest-transport/memory');
  return { broker: memory(), origin: 'inside this process', prefix: '' };
}

async function onKafka({ run, env, closers, say }: VenueOptions): Promise<Venue> {
  const source = await findKafka(env, say);
  const prefix = source.shared ? `demo-${run}.` : '';
  closers.add('Kafka', () => source.release(prefix));
  const { kafka } = await import('nest-transport/kafka');
  const broker = kafka({ brokers: source.brokers, provision: { partitions: 6 } });
  return { broker, origin: source.origin, prefix };
}
