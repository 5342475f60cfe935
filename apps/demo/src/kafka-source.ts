import { UsageError } from '@demo/platform';
import type { Admin } from 'kafkajs';
import { importFromWorkspace } from './workspace-root.js';

/** The Kafka of a run. */
export interface KafkaSource {
  readonly brokers: readonly string[];
  /** In words, for the reader: where it came from. */
  readonly origin: string;
  /** Somebody else may use it as well: topics and groups then get names of this run alone. */
  readonly shared: boolean;
  /** Stops what was started, and removes from a shared Kafka what has this prefix. */
  release(prefix: string): Promise<void>;
}

/** How test/brokers starts a Kafka: plain JavaScript, loaded only when a Kafka is wanted. */
interface KafkaStarter {
  useKafka(options: { env: NodeJS.ProcessEnv; log: (line: string) => void }): Promise<{
    readonly brokers: readonly string[];
    readonly source: 'listening' | 'container' | 'private';
    stop(): Promise<void>;
  }>;
}
interface KafkaProbe {
  probeKafka(address: string, timeoutMs: number): Promise<{ readonly ok: boolean }>;
}

const USUAL_ADDRESS = '127.0.0.1:9092';

/**
 * The Kafka that `KAFKA_BROKERS` names, else the one that listens where a Kafka usually does, else one started for this run.
 * @throws UsageError, with the command that helps, when a named one does not answer or none can be started
 */
export async function findKafka(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<KafkaSource> {
  const { useKafka } = (await importFromWorkspace('test/brokers/kafka.mjs')) as KafkaStarter;
  const named = env['KAFKA_BROKERS'] || ((await listens(USUAL_ADDRESS)) ? USUAL_ADDRESS : undefined);
  if (named === undefined) say('no Kafka listens: starting one for this run ...');
  const log = (line: string): void => say(`[kafka] ${line}`);
  const { brokers, source, stop } = await useKafka({ env: { ...env, KAFKA_BROKERS: named }, log }).catch(asUsageError);
  if (source !== 'listening') {
    return { brokers, origin: 'started for this run', shared: false, release: () => stop() };
  }
  const release = (prefix: string): Promise<void> => removeTraces(brokers, prefix);
  return { brokers, origin: `already listening at ${brokers.join(', ')}`, shared: true, release };
}

/** Told by name, because the starter's class is loaded only when it is needed. */
function asUsageError(error: unknown): never {
  if (error instanceof Error && error.name === 'BrokerUnavailable') throw new UsageError(`demo: ${error.message}`);
  throw error;
}

async function listens(address: string): Promise<boolean> {
  const { probeKafka } = (await importFromWorkspace('test/brokers/kafka/probe.mjs')) as KafkaProbe;
  return (await probeKafka(address, 500)).ok;
}

async function removeTraces(brokers: readonly string[], prefix: string): Promise<void> {
  const { Kafka, logLevel } = (await import('kafkajs')).default;
  const admin = new Kafka({ clientId: 'demo-cleaner', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await removeTopics(admin, prefix);
    await removeGroups(admin, prefix);
  } finally {
    await admin.disconnect();
  }
}

async function removeTopics(admin: Admin, prefix: string): Promise<void> {
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
  if (topics.length > 0) await admin.deleteTopics({ topics });
}

async function removeGroups(admin: Admin, prefix: string): Promise<void> {
  const { groups } = await admin.listGroups();
  const ours = groups.map(({ groupId }) => groupId).filter((groupId) => groupId.startsWith(prefix));
  if (ours.length > 0) await admin.deleteGroups(ours);
}
