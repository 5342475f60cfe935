import {
  DEAD_LETTER_LIMIT,
  type DeadLetterAdmin,
  type DeadLetterSelection,
  type DeadLetterReport,
  type ReplayOptions,
} from '../../nest/index.js';
import { APP_OPTIONS, loadApp } from '../app-module.js';
import { UsageError, type CliOption } from '../command-line.js';
import { byTime, cell, countsText, letterJson, lettersText, reportJson, reportText } from '../dead-letters-text.js';
import type { CliCommand } from '../command.js';
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

/** What all four take. */
const SYNTAX = {
  argument: { name: 'topic', about: 'a topic that the application subscribes to, or its dead-letter topic' },
  options: {
    ...APP_OPTIONS,
    broker: { value: '<name>', about: 'the broker, if several have the topic' },
    id: { value: '<id>', multiple: true, about: 'the dead letter of this id; may be given several times' },
    fingerprint: { value: '<text>', about: 'those of this cause, as shown by count' },
    limit: { value: '<n>', about: 'read at most this many from the topic (default: 1000)', parse: wholeNumber },
    json: { about: 'everything, as JSON' },
  },
} as const satisfies Pick<CliCommand, 'argument' | 'options'>;

/** What those take in addition that change something. */
const CHANGING: Readonly<Record<string, CliOption>> = {
  all: { about: 'all that are read' },
  'dry-run': { about: 'shows what would be done, and changes nothing' },
};

const list: CliCommand<GivenForList> = {
  ...SYNTAX,
  name: 'dead-letters list',
  about: 'Lists the dead letters of a topic and why they are there, oldest failure first.',
  options: { ...SYNTAX.options, payload: { about: 'each with its payload' } },
  run: (given, terminal, topic) =>
    withAdmin(topic, given, async (admin, deadLetterTopic) => {
      const letters = byTime(await admin.list(deadLetterTopic, selectionOf(given)));
      const look = { payload: given.payload === true, colours: terminal.colours === true };
      terminal.write(given.json ? json(letters.map(letterJson)) : lettersText(deadLetterTopic, letters, look));
      return 0;
    }),
};

const count: CliCommand<Given> = {
  ...SYNTAX,
  name: 'dead-letters count',
  about: 'Counts the dead letters of a topic by their cause.',
  run: (given, terminal, topic) =>
    withAdmin(topic, given, async (admin, deadLetterTopic) => {
      const counts = await admin.count(deadLetterTopic, selectionOf(given));
      terminal.write(given.json ? json(counts) : countsText(deadLetterTopic, counts));
      return 0;
    }),
};

const replay: CliCommand<GivenForReplay> = {
  ...SYNTAX,
  name: 'dead-letters replay',
  about: 'Publishes the originals of dead letters again, and settles each when its original is stored.',
  options: {
    ...SYNTAX.options,
    ...CHANGING,
    'per-second': { value: '<n>', about: 'publish at most this many a second', parse: wholeNumber },
    to: { value: '<topic>', about: 'publish to this topic instead of the original one' },
  },
  async run(given, terminal, topic) {
    refuseWithoutChoice('replay', given);
    return withAdmin(topic, given, async (admin, deadLetterTopic) => {
      const onProgress = (dealtWith: number, of: number): void => terminal.progress?.(`${dealtWith} of ${of}`);
      const report = await admin.replay(deadLetterTopic, { ...replayOptionsOf(given), onProgress });
      terminal.progress?.('');
      return tell(terminal, 'replay', given.dryRun ? 'Would send back' : 'Sent back', deadLetterTopic, given, report);
    });
  },
};

const discard: CliCommand<GivenForDiscard> = {
  ...SYNTAX,
  name: 'dead-letters discard',
  about: 'Settles dead letters permanently, without publishing their originals.',
  options: { ...SYNTAX.options, ...CHANGING, yes: { about: 'confirms that they are discarded' } },
  async run(given, terminal, topic) {
    refuseWithoutChoice('discard', given);
    refuseWithoutYes(given);
    return withAdmin(topic, given, async (admin, deadLetterTopic) => {
      const report = await discarded(admin, deadLetterTopic, given);
      return tell(terminal, 'discard', given.dryRun ? 'Would discard' : 'Discarded', deadLetterTopic, given, report);
    });
  },
};

/** `npx nest-transport dead-letters ...`: works with the dead letters of an application that is created but not started. */
export const deadLetters: readonly CliCommand[] = [list, count, replay, discard];

async function withAdmin(
  topic: string,
  { app, module: name, broker }: Given,
  work: (admin: DeadLetterAdmin, deadLetterTopic: string) => Promise<number>,
): Promise<number> {
  const { module, transport } = await loadApp(process.cwd(), app, name);
  const options = { logger: false as const, ...(broker === undefined ? {} : { broker }) };
  return transport.withDeadLetters(module, topic, work, options);
}

const selectionOf = ({ id, fingerprint, limit }: Given): DeadLetterSelection => ({
  ...(id === undefined ? {} : { ids: id }),
  ...(fingerprint === undefined ? {} : { fingerprint }),
  ...(limit === undefined ? {} : { limit }),
});

/** Converts command-line options to those of `DeadLetterAdmin.replay`. */
export const replayOptionsOf = ({ perSecond, to, dryRun, ...given }: GivenForReplay): ReplayOptions => ({
  ...selectionOf(given),
  ...(perSecond === undefined ? {} : { ratePerSecond: perSecond }),
  ...(to === undefined ? {} : { to }),
  dryRun: dryRun === true,
});

async function discarded(admin: DeadLetterAdmin, topic: string, given: GivenForDiscard): Promise<DeadLetterReport> {
  if (!given.dryRun) return admin.discard(topic, selectionOf(given));
  return { done: (await admin.list(topic, selectionOf(given))).map(({ id }) => id), left: [] };
}

/** An incomplete command line must not select all dead letters. */
function refuseWithoutChoice(command: string, { id, fingerprint, all }: Given): void {
  const choices = [id, fingerprint, all].filter((each) => each !== undefined).length;
  if (choices === 1) return;
  const text = choices === 0 ? 'Select dead letters' : 'Select dead letters with one option only';
  throw new UsageError(
    `${text}: dead-letters ${command} takes --id <id> (may be given several times), --fingerprint <text> or --all.`,
  );
}

function refuseWithoutYes({ yes, dryRun }: GivenForDiscard): void {
  if (yes || dryRun) return;
  throw new UsageError('Discarding cannot be undone. Check with --dry-run first, then confirm with --yes.');
}

/** Shows what was done, and what was not. Returns the exit code: 1 where something that was chosen is left, or not found. */
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
    ...missing.map((id) => `There is no dead letter ${id} among those that were read. Increase --limit to read more.`),
    ...(mayBeMore
      ? [`${DEAD_LETTER_LIMIT} dead letters were read, and there may be more. Run the command again, or set --limit.`]
      : []),
  ];
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UsageError('It must be a whole number, 1 or more.');
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
