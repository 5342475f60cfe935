import { InvalidArgumentError, type Command } from 'commander';
import {
  DEAD_LETTER_LIMIT,
  type DeadLetterAdmin,
  type DeadLetterSelection,
  type DeadLetterReport,
  type ReplayOptions,
} from '../../nest/index.js';
import { TransportError } from '../../contract/index.js';
import { loadApp } from '../app-module.js';
import { byTime, cell, countsText, letterJson, lettersText, reportJson, reportText } from '../dead-letters-text.js';
import type { CliCommand } from '../program.js';
import type { Terminal } from '../terminal.js';

interface Given {
  readonly app?: string;
  readonly module?: string;
  readonly broker?: string;
  readonly json?: true;
  readonly id?: readonly string[];
  readonly fingerprint?: string;
  readonly all?: true;
  readonly limit?: number;
}

interface GivenForList extends Given {
  readonly payload?: true;
}

interface GivenForReplay extends Given {
  readonly perSecond?: number;
  readonly to?: string;
  readonly dryRun?: true;
}

interface GivenForDiscard extends Given {
  readonly dryRun?: true;
  readonly yes?: true;
}

/** `npx nest-transport dead-letters list|count|replay|discard`: the dead letters of an application that is not started. */
export const deadLetters: CliCommand = (program, terminal, ends) => {
  const group = program
    .command('dead-letters')
    .description(
      'Reads dead letters, sends them back, throws them away. The application is made, not started: no handler gets a message.',
    );

  reading(group, 'list', 'Tells the dead letters of a topic and why they are there, oldest failure first.')
    .option('--payload', 'each with its payload')
    .action((topic: string, given: GivenForList) =>
      withAdmin(topic, given, async (admin, deadLetterTopic) => {
        const letters = byTime(await admin.list(deadLetterTopic, selectionOf(given)));
        const look = { payload: given.payload === true, colours: terminal.colours === true };
        terminal.write(given.json ? json(letters.map(letterJson)) : lettersText(deadLetterTopic, letters, look));
      }),
    );

  reading(group, 'count', 'Counts the dead letters of a topic by their cause.').action((topic: string, given: Given) =>
    withAdmin(topic, given, async (admin, deadLetterTopic) => {
      const counts = await admin.count(deadLetterTopic, selectionOf(given));
      terminal.write(given.json ? json(counts) : countsText(deadLetterTopic, counts));
    }),
  );

  acting(
    group,
    'replay',
    'Publishes the originals of dead letters again, and settles each when its original is stored.',
  )
    .option('--per-second <n>', 'at most so many a second', wholeNumber)
    .option('--to <topic>', 'another topic than each came from')
    .action(async (topic: string, given: GivenForReplay) => {
      refuseWithoutChoice('replay', given);
      await withAdmin(topic, given, async (admin, deadLetterTopic) => {
        const onProgress = (dealtWith: number, of: number): void => terminal.progress?.(`${dealtWith} of ${of}`);
        const report = await admin.replay(deadLetterTopic, { ...replayOptionsOf(given), onProgress });
        terminal.progress?.('');
        const verb = given.dryRun ? 'Would send back' : 'Sent back';
        ends(tell(terminal, 'replay', verb, deadLetterTopic, given, report));
      });
    });

  acting(group, 'discard', 'Settles dead letters for good.')
    .option('--yes', 'they may be thrown away')
    .action(async (topic: string, given: GivenForDiscard) => {
      refuseWithoutChoice('discard', given);
      refuseWithoutYes(given);
      await withAdmin(topic, given, async (admin, deadLetterTopic) => {
        const report = await discard(admin, deadLetterTopic, given);
        const verb = given.dryRun ? 'Would discard' : 'Discarded';
        ends(tell(terminal, 'discard', verb, deadLetterTopic, given, report));
      });
    });
};

/** What all four take. */
function reading(group: Command, name: string, description: string): Command {
  return group
    .command(name)
    .description(description)
    .argument('<topic>', 'a topic that the application subscribes to, or its dead-letter topic')
    .option('-a, --app <file>', 'compiled file of the root module (default: dist/app.module.js)')
    .option('-m, --module <name>', 'export that is the root module (default: AppModule)')
    .option('--broker <name>', 'where several brokers have the topic')
    .option('--id <id>', 'the one of this id; may be given several times', (id, ids: readonly string[] = []) => [
      ...ids,
      id,
    ])
    .option('--fingerprint <text>', 'those of this cause, as count tells it')
    .option('--limit <n>', 'at most so many are read from the topic (default: 1000)', wholeNumber)
    .option('--json', 'everything, as JSON');
}

/** What those take that change something. */
const acting = (group: Command, name: string, description: string): Command =>
  reading(group, name, description)
    .option('--all', 'all that are read')
    .option('--dry-run', 'tells what would be done, and does nothing');

async function withAdmin(
  topic: string,
  { app, module: name, broker }: Given,
  work: (admin: DeadLetterAdmin, deadLetterTopic: string) => Promise<void>,
): Promise<void> {
  const { module, transport } = await loadApp(process.cwd(), app, name);
  await transport.withDeadLetters(module, topic, work, { logger: false, ...(broker === undefined ? {} : { broker }) });
}

const selectionOf = ({ id, fingerprint, limit }: Given): DeadLetterSelection => ({
  ...(id === undefined ? {} : { ids: id }),
  ...(fingerprint === undefined ? {} : { fingerprint }),
  ...(limit === undefined ? {} : { limit }),
});

/** What `replay` of the dead-letter admin is told. */
export const replayOptionsOf = ({ perSecond, to, dryRun, ...given }: GivenForReplay): ReplayOptions => ({
  ...selectionOf(given),
  ...(perSecond === undefined ? {} : { ratePerSecond: perSecond }),
  ...(to === undefined ? {} : { to }),
  dryRun: dryRun === true,
});

async function discard(admin: DeadLetterAdmin, topic: string, given: GivenForDiscard): Promise<DeadLetterReport> {
  if (!given.dryRun) return admin.discard(topic, selectionOf(given));
  return { done: (await admin.list(topic, selectionOf(given))).map(({ id }) => id), left: [] };
}

/** Why: a command that was cut off too early must not take them all. */
function refuseWithoutChoice(command: string, { id, fingerprint, all }: Given): void {
  const choices = [id, fingerprint, all].filter((each) => each !== undefined).length;
  if (choices === 1) return;
  const text = choices === 0 ? 'Say which dead letters' : 'Say in one way which dead letters';
  throw invalid(
    `${text}: dead-letters ${command} takes --id <id> (may be given several times), --fingerprint <text> or --all.`,
  );
}

function refuseWithoutYes({ yes, dryRun }: GivenForDiscard): void {
  if (yes || dryRun) return;
  throw invalid('What is discarded does not come back. Look at it with --dry-run, and say --yes.');
}

/** Tells what was done, and what was not. Returns the exit code: 1 where something that was chosen is left, or not found. */
function tell(
  terminal: Terminal,
  command: string,
  verb: string,
  topic: string,
  given: GivenForReplay,
  report: DeadLetterReport,
): number {
  terminal.write(
    given.json ? json(reportJson(topic, given.dryRun === true, report)) : reportText({ verb, topic }, report),
  );
  const complaints = complaintsAbout(report, given);
  for (const complaint of complaints) terminal.tell(`nest-transport dead-letters ${command}: ${cell(complaint)}\n`);
  return complaints.length === 0 ? 0 : 1;
}

/** What makes the exit code 1: one sentence each. */
export function complaintsAbout(
  { done, left }: DeadLetterReport,
  { id: wanted = [], all, limit }: Pick<Given, 'id' | 'all' | 'limit'>,
): readonly string[] {
  const seen = new Set([...done, ...left.map(({ id }) => id)]);
  const missing = wanted.filter((id) => !seen.has(id));
  const mayBeMore = all === true && limit === undefined && done.length + left.length >= DEAD_LETTER_LIMIT;
  return [
    ...left.map(({ error }) => error.message),
    ...missing.map((id) => `There is no dead letter ${id} among those that were read; --limit reads more.`),
    ...(mayBeMore ? [`${DEAD_LETTER_LIMIT} were read, and there may be more. Run it again, or give a --limit.`] : []),
  ];
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number, 1 or more.');
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const invalid = (text: string): TransportError => new TransportError('TRANSPORT_OPTION_INVALID', text);
