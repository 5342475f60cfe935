import { randomBytes } from 'node:crypto';
import { useTopicPrefix } from '@demo/contracts/topic-prefix';
import { openDatabase, type Database } from '@demo/platform';
import { Closers } from './closers.js';
import { HELP, readDemoOptions, type DemoOptions } from './command-line.js';
import { Interruption } from './interruption.js';
import { checkInvariants } from './invariants.js';
import { Output } from './output.js';
import type { RunOptions } from './perform-run.js';
import { describeNextSteps, describeRun, describeShop } from './report-table.js';
import { summarize } from './run-report.js';
import { openVenue } from './venue.js';

type Alterations = Pick<RunOptions, 'alterInventory' | 'orderCount'>;

/**
 * The whole demo. Sets the exit code: 0, or 1 when an invariant is broken.
 * @throws UsageError for what cannot be done
 */
export async function demo(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  alterations: Alterations = {},
): Promise<void> {
  const options = readDemoOptions(argv);
  const output = new Output(options.json);
  if (options.help) return output.say(HELP);
  const closers = new Closers();
  const interruption = new Interruption();
  try {
    process.exitCode = await runAndJudge(options, env, output, closers, interruption, alterations);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    output.say('interrupted: closing');
    process.exitCode = interruption.exitCode;
  } finally {
    await closers.close();
    interruption.stopListening();
  }
}

async function runAndJudge(
  { broker, serve }: DemoOptions,
  env: NodeJS.ProcessEnv,
  output: Output,
  closers: Closers,
  interruption: Interruption,
  alterations: Alterations,
): Promise<number> {
  const startedAt = performance.now();
  // Short, because NSQ limits names to 64 characters and dead-letter names contain it twice.
  const run = randomBytes(2).toString('hex');
  const say = (line: string): void => output.say(line);
  let opening: Promise<Database> | undefined;
  const openDatabaseOnce = (): Promise<Database> => (opening ??= openDatabaseOf(env, closers));
  // Side by side: a Kafka starts in a process of its own while Postgres sets itself up in this one, which takes seconds.
  // Postgres is opened while a broker starts. Without a broker to start, an unreachable server is reported first.
  const venue = await openVenue({ broker, run, env, closers, say, onStarting: () => void openDatabaseOnce() });
  const database = await openDatabaseOnce();
  interruption.signal.throwIfAborted();
  // Must run before the imports below, which define the events and with them the topics.
  useTopicPrefix(venue.prefix);
  const { performRun } = await import('./perform-run.js');

  const abort = interruption.signal;
  const whole = { brokerName: broker, venue, run, startedAt, database, closers, abort, say, ...alterations };
  const { facts, shop } = await performRun(whole);
  const invariants = checkInvariants(facts);
  say(describeRun(facts, invariants, output.colours));
  if (serve) {
    say(describeShop(shop.orders.http.url, shop.inventory.http.url, Object.keys(facts.initialStock)));
    await interruption.happened();
  } else if (invariants.every(({ faults }) => faults.length === 0)) {
    say(describeNextSteps(broker, output.colours));
  }
  output.result(summarize(facts));
  return invariants.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

/** Closed also when it is still opening while something else fails. */
function openDatabaseOf(env: NodeJS.ProcessEnv, closers: Closers): Promise<Database> {
  const opening = openDatabase(env['DATABASE_URL'] || undefined);
  const close = (): Promise<void> =>
    opening.then(
      (database) => database.close(),
      () => undefined,
    );
  // Its failure is reported later, where it is awaited; until then it must not count as an unhandled rejection.
  opening.catch(() => undefined);
  closers.add('the database', close);
  return opening;
}
