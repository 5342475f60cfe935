import { uniqueName } from '../../tools/brokers/names.mjs';
import type { RowOrder } from './candidates/index.js';
import type { BenchOptions } from './command-line.js';
import type { Figures } from './figures.js';
import { BenchTopics } from './kafka-topics.js';
import { BROKER_OF, messagesOf, ROWS, type Row, type Section } from './plan.js';
import { runRow } from './run-row.js';

/** What was measured: the figures of each round, by row. */
export type Results = ReadonlyMap<Row, readonly Figures[]>;

/** Where rows meet a broker; undefined when none was needed. */
export interface BenchKafka {
  readonly brokers: readonly string[];
}

/** The brokers that the chosen sections need, each once. */
export function neededBrokers({ only }: BenchOptions): readonly ('kafka' | 'nats' | 'nsq' | 'rabbitmq')[] {
  return [...new Set(only.map((section) => BROKER_OF[section]))].filter((broker) => broker !== undefined);
}

const isOfKafka = (section: Section): boolean => BROKER_OF[section] === 'kafka';

/**
 * Runs every row once, then all of them again: candidates alternate, so that a machine that slows down slows all of them.
 * Memory is watched in the first round only, for it takes longest and does not compare anybody.
 */
export async function runBench(
  options: BenchOptions,
  kafka: BenchKafka | undefined,
  tell: (line: string) => void,
): Promise<Results> {
  const rows = ROWS.filter(({ section }) => options.only.includes(section));
  const results = new Map<Row, Figures[]>(rows.map((row) => [row, []]));
  const backlog = kafka === undefined ? undefined : new BenchTopics(kafka.brokers);
  try {
    const full = await backlog?.createFull(largestBacklog(rows, options));
    for (let round = 1; round <= options.rounds; round++) {
      const due = rows.filter(({ section }) => section !== 'rss' || round === 1);
      await runRound(due, options, kafka, full, (row, figures) => {
        results.get(row)?.push(figures);
        tell(`round ${round}/${options.rounds}  ${row.id.padEnd(22)} ${(figures.ms / 1_000).toFixed(1)} s`);
      });
    }
  } finally {
    await backlog?.deleteAll();
  }
  return results;
}

async function runRound(
  rows: readonly Row[],
  options: BenchOptions,
  kafka: BenchKafka | undefined,
  backlog: string | undefined,
  done: (row: Row, figures: Figures) => void,
): Promise<void> {
  const fresh = kafka === undefined ? undefined : new BenchTopics(kafka.brokers);
  try {
    for (const row of rows) {
      const topic = !isOfKafka(row.section)
        ? uniqueName('bench')
        : row.section === 'publish'
          ? await fresh?.create()
          : backlog;
      const order: RowOrder = {
        candidate: row.candidate,
        messages: messagesOf(row, options.messages),
        outstanding: row.outstanding,
        brokers: kafka?.brokers ?? [],
        topic: topic ?? '',
      };
      done(row, await runRow(order));
    }
  } finally {
    await fresh?.deleteAll();
  }
}

function largestBacklog(rows: readonly Row[], { messages }: BenchOptions): number {
  const readers = rows.filter(({ section }) => section === 'consume' || section === 'rss');
  return Math.max(0, ...readers.map((row) => messagesOf(row, messages)));
}
