// npm run bench: what our layer costs, alongside the raw clients and Nest's own transport. docs/benchmarks.md says how to read it.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { BrokerUnavailable, brokers } from '../../tools/brokers/index.mjs';
import { useKafka } from '../../tools/brokers/kafka.mjs';
import { parseBenchOptions, USAGE, type BenchOptions } from './command-line.js';
import { reportOf } from './report.js';
import { neededBrokers, runBench } from './run-bench.js';
import { tableOf } from './table.js';

type Broker = (typeof brokers)[string];
type SharedBroker = Awaited<ReturnType<Broker['use']>>;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options === undefined) return;
  const machine = {
    node: process.version,
    cpus: cpus().length,
    loadBefore: load(),
    startedAt: new Date().toISOString(),
  };
  const needed = neededBrokers(options);
  const kafka = needed.includes('kafka') ? await useKafka({ fullCompiler: true }) : undefined;
  const others = await useOthers(needed.filter((name) => name !== 'kafka'));
  try {
    const report = reportOf(await runBench(options, kafka, tell));
    const conditions = { ...machine, loadAfter: load(), rounds: options.rounds };
    process.stdout.write(`\n${tableOf(report)}\n\n${sentence(conditions)}\n`);
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ ...conditions, ...report }, null, 2)}\n`);
  } finally {
    await kafka?.stop();
    for (const { stop } of others) await stop();
  }
}

/** Starts them, or finds those that listen, and says by this process's environment where they are: rows inherit it. */
async function useOthers(names: readonly string[]): Promise<SharedBroker[]> {
  const used: SharedBroker[] = [];
  for (const name of names) {
    const broker = await (brokers[name] as Broker).use({ log: tell });
    Object.assign(process.env, broker.env);
    used.push(broker);
  }
  return used;
}

function parse(args: readonly string[]): BenchOptions | undefined {
  try {
    return parseBenchOptions(args);
  } catch (error) {
    refuse(`${(error as Error).message}\n${USAGE}`);
  }
}

/** One minute's average; n.b. above the number of processors, figures say how the machine was shared. */
const load = (): number => Math.round((loadavg()[0] as number) * 100) / 100;

const sentence = ({ node, cpus, loadBefore, loadAfter, rounds }: Record<string, unknown>): string =>
  `${String(rounds)} rounds, Node ${String(node)}, ${String(cpus)} processors, load ${String(loadBefore)} before and ${String(loadAfter)} after. ` +
  'Ratios are medians of the rounds; a ratio above 1 is in our favour.';

function refuse(message: string): void {
  tell(message);
  process.exitCode = 1;
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof BrokerUnavailable)) throw error;
  refuse(error.message);
});
