import type { Figures } from '../figures.js';

/** What a row's process gets. */
export interface RowOrder {
  readonly candidate: CandidateName;
  readonly messages: number;
  readonly outstanding: number;
  /** Of Kafka; where another broker is, the row's environment says: `NATS_URL`, `NSQD_TCP`, `RABBITMQ_URL`. */
  readonly brokers: readonly string[];
  /** On Kafka a topic of six partitions: empty for who publishes, full for who consumes. Elsewhere a new name. */
  readonly topic: string;
}

export type Candidate = (order: RowOrder) => Promise<Figures>;

/** n.b. loaded one at a time: a row of raw kafkajs has no Nest in its process. */
const CANDIDATES = {
  'memory-floor': async () => (await import('./memory-floor.js')).memoryFloor,
  'memory-ours': async () => (await import('./memory-ours.js')).memoryOurs,
  'publish-raw-singles': async () => (await import('./publish-raw.js')).publishSingles,
  'publish-raw-batches': async () => (await import('./publish-raw.js')).publishBatches,
  'publish-raw-batches-without-headers': async () => (await import('./publish-raw.js')).publishBatchesWithoutHeaders,
  'publish-nest': async () => (await import('./publish-nest.js')).publishNest,
  'publish-ours': async () => (await import('./publish-ours.js')).publishOurs,
  'consume-raw-each-message': async () => (await import('./consume-raw.js')).consumeEachMessage,
  'consume-raw-each-batch': async () => (await import('./consume-raw.js')).consumeEachBatch,
  'consume-nest': async () => (await import('./consume-nest.js')).consumeNest,
  'consume-ours': async () => (await import('./consume-ours.js')).consumeOurs,
  'publish-nats-raw': async () => (await import('./nats.js')).publishNatsRaw,
  'publish-nats-ours': async () => (await import('./nats.js')).publishNatsOurs,
  'consume-nats-raw': async () => (await import('./nats.js')).consumeNatsRaw,
  'consume-nats-ours': async () => (await import('./nats.js')).consumeNatsOurs,
  'publish-nsq-raw': async () => (await import('./nsq.js')).publishNsqRaw,
  'publish-nsq-ours': async () => (await import('./nsq.js')).publishNsqOurs,
  'consume-nsq-raw': async () => (await import('./nsq.js')).consumeNsqRaw,
  'consume-nsq-ours': async () => (await import('./nsq.js')).consumeNsqOurs,
  'publish-rabbitmq-raw': async () => (await import('./rabbitmq.js')).publishRabbitmqRaw,
  'publish-rabbitmq-ours': async () => (await import('./rabbitmq.js')).publishRabbitmqOurs,
  'consume-rabbitmq-raw': async () => (await import('./rabbitmq.js')).consumeRabbitmqRaw,
  'consume-rabbitmq-ours': async () => (await import('./rabbitmq.js')).consumeRabbitmqOurs,
  'rss-slow-handler': async () => (await import('./rss.js')).slowHandler,
  'rss-poison-key': async () => (await import('./rss.js')).poisonKey,
} satisfies Record<string, () => Promise<Candidate>>;

export type CandidateName = keyof typeof CANDIDATES;

export async function runCandidate(order: RowOrder): Promise<Figures> {
  const candidate = await CANDIDATES[order.candidate]();
  return candidate(order);
}
