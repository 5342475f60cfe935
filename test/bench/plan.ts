import type { CandidateName } from './candidates/index.js';

export const SECTIONS = ['memory', 'publish', 'consume', 'rss', 'nats', 'nsq', 'rabbitmq'] as const;
export type Section = (typeof SECTIONS)[number];

/** The broker that a section's rows need. */
export const BROKER_OF = {
  memory: undefined,
  publish: 'kafka',
  consume: 'kafka',
  rss: 'kafka',
  nats: 'nats',
  nsq: 'nsq',
  rabbitmq: 'rabbitmq',
} as const satisfies Record<Section, string | undefined>;

/** One line of the table. */
export interface Row {
  readonly id: string;
  readonly section: Section;
  readonly title: string;
  readonly candidate: CandidateName;
  readonly outstanding: number;
  /** By default; `--messages` replaces it for the rows of the same order of magnitude, see `messagesOf`. */
  readonly messages: number;
}

/** What is compared, and what is to be reached. */
export interface Comparison {
  readonly section: Section;
  readonly row: string;
  readonly baseline: string;
  /** In messages per second; undefined where the ratio only informs. */
  readonly atLeast?: number;
}

const row = (
  id: string,
  section: Section,
  title: string,
  candidate: CandidateName,
  messages: number,
  outstanding = 1,
): Row => ({ id, section, title, candidate, messages, outstanding });

/** The same rows for a broker: one by one, with 500 outstanding, and from a backlog, each beside its client used by hand. */
const brokerRows = (broker: 'nats' | 'nsq' | 'rabbitmq', client: string): readonly Row[] => [
  row(`${broker}-publish-raw-1`, broker, `${client}, one by one`, `publish-${broker}-raw`, 12_000),
  row(`${broker}-publish-ours-1`, broker, 'ours, one by one', `publish-${broker}-ours`, 12_000),
  row(`${broker}-publish-raw-500`, broker, `${client}, 500 outstanding`, `publish-${broker}-raw`, 80_000, 500),
  row(`${broker}-publish-ours-500`, broker, 'ours, 500 outstanding', `publish-${broker}-ours`, 80_000, 500),
  row(`${broker}-consume-raw`, broker, `${client}, consume + JSON.parse`, `consume-${broker}-raw`, 80_000),
  row(`${broker}-consume-ours`, broker, 'ours, @Subscribe', `consume-${broker}-ours`, 80_000),
];

interface Targets {
  readonly one: number;
  readonly many: number;
  readonly consume?: number;
}

const brokerComparisons = (section: 'nats' | 'nsq' | 'rabbitmq', { one, many, consume }: Targets): Comparison[] => [
  { section, row: `${section}-publish-ours-1`, baseline: `${section}-publish-raw-1`, atLeast: one },
  { section, row: `${section}-publish-ours-500`, baseline: `${section}-publish-raw-500`, atLeast: many },
  {
    section,
    row: `${section}-consume-ours`,
    baseline: `${section}-consume-raw`,
    ...(consume === undefined ? {} : { atLeast: consume }),
  },
];

export const ROWS: readonly Row[] = [
  row('memory-floor', 'memory', 'codec and schema alone, both sides', 'memory-floor', 300_000),
  row('memory-1', 'memory', 'ours, 1 outstanding', 'memory-ours', 50_000),
  row('memory-500', 'memory', 'ours, 500 outstanding', 'memory-ours', 300_000, 500),
  row('memory-2000', 'memory', 'ours, 2,000 outstanding', 'memory-ours', 300_000, 2_000),

  row('publish-singles', 'publish', 'kafkajs, one by one', 'publish-raw-singles', 5_000),
  row('publish-nest-1', 'publish', 'Nest emit, one by one', 'publish-nest', 5_000),
  row('publish-ours-1', 'publish', 'ours, one by one', 'publish-ours', 5_000),
  row('publish-nest-500', 'publish', 'Nest emit, 500 outstanding', 'publish-nest', 20_000, 500),
  row('publish-ours-500', 'publish', 'ours, 500 outstanding', 'publish-ours', 150_000, 500),
  row('publish-nest-2000', 'publish', 'Nest emit, 2,000 outstanding', 'publish-nest', 20_000, 2_000),
  row('publish-ours-2000', 'publish', 'ours, 2,000 outstanding', 'publish-ours', 150_000, 2_000),
  row('publish-batches', 'publish', 'kafkajs, by hand in batches of 1,000', 'publish-raw-batches', 150_000),
  row(
    'publish-bare',
    'publish',
    'the same without headers, for information',
    'publish-raw-batches-without-headers',
    150_000,
  ),

  row('consume-each-message', 'consume', 'kafkajs eachMessage + JSON.parse', 'consume-raw-each-message', 200_000),
  row('consume-each-batch', 'consume', 'kafkajs eachBatch + JSON.parse', 'consume-raw-each-batch', 200_000),
  row('consume-nest', 'consume', 'Nest @EventPattern', 'consume-nest', 200_000),
  row('consume-ours', 'consume', 'ours, @Subscribe', 'consume-ours', 200_000),

  row('rss-slow', 'rss', 'handler of 1 ms, concurrency 16', 'rss-slow-handler', 200_000),
  // n.b. twice as many: the disturbance takes half of 200,000, and what is asked is whether memory comes back to where it was.
  row('rss-poison', 'rss', 'the same, and a parked poison key', 'rss-poison-key', 400_000),

  ...brokerRows('nats', '@nats-io/jetstream'),
  ...brokerRows('nsq', 'nsqjs'),
  ...brokerRows('rabbitmq', 'amqplib'),
];

export const COMPARISONS: readonly Comparison[] = [
  { section: 'memory', row: 'memory-2000', baseline: 'memory-floor' },
  { section: 'publish', row: 'publish-ours-1', baseline: 'publish-singles' },
  { section: 'publish', row: 'publish-ours-1', baseline: 'publish-nest-1' },
  { section: 'publish', row: 'publish-ours-500', baseline: 'publish-nest-500', atLeast: 6 },
  { section: 'publish', row: 'publish-ours-2000', baseline: 'publish-nest-2000', atLeast: 6 },
  { section: 'publish', row: 'publish-ours-500', baseline: 'publish-batches' },
  { section: 'publish', row: 'publish-ours-2000', baseline: 'publish-batches', atLeast: 0.9 },
  { section: 'publish', row: 'publish-ours-2000', baseline: 'publish-bare' },
  { section: 'consume', row: 'consume-ours', baseline: 'consume-each-message', atLeast: 0.9 },
  { section: 'consume', row: 'consume-ours', baseline: 'consume-each-batch' },
  { section: 'consume', row: 'consume-ours', baseline: 'consume-nest', atLeast: 3 },
  ...brokerComparisons('nats', { one: 0.95, many: 2, consume: 0.9 }),
  ...brokerComparisons('nsq', { one: 0.95, many: 1.2 }),
  ...brokerComparisons('rabbitmq', { one: 0.95, many: 0.9, consume: 0.9 }),
];

/** Messages per second that a row is to reach by itself. */
export const RATES: Readonly<Record<string, number>> = { 'memory-2000': 250_000 };

/** `--messages` is the count of the largest rows; the slow ones keep their share of it. */
export function messagesOf({ section, messages }: Row, asked: number | undefined): number {
  if (asked === undefined) return messages;
  const largest = Math.max(...ROWS.filter((other) => other.section === section).map((other) => other.messages));
  return Math.max(1, Math.round((asked * messages) / largest));
}
