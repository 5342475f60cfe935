import { isUtf8 } from 'node:buffer';
import { styleText } from 'node:util';
import type { DeadLetterReport, FingerprintCount, StoredDeadLetter } from '../nest/index.js';
import { aligned } from '../nest/describe/subscription-cells.js';

/** What a replay or discard did, in words. */
export interface Deed {
  readonly topic: string;
  /** `Sent back`, `Would discard` */
  readonly verb: string;
}

/** How dead letters are shown. */
export interface LettersLook {
  /** Each with its body, on a line of its own. */
  readonly payload?: boolean;
  readonly colours?: boolean;
}

/** Oldest failure first; letters without a time are last, as they were read. */
export function byTime(letters: readonly StoredDeadLetter[]): readonly StoredDeadLetter[] {
  const timeOf = ({ lastFailedAt }: StoredDeadLetter): number => lastFailedAt?.getTime() ?? Number.MAX_SAFE_INTEGER;
  return [...letters].sort((a, b) => timeOf(a) - timeOf(b));
}

/** Dead letters for people: what they are and why they are there. Headers are in the JSON. */
export function lettersText(
  topic: string,
  letters: readonly StoredDeadLetter[],
  { payload = false, colours = false }: LettersLook = {},
): string {
  const rows = letters.map(({ id, key, group, attempts, lastFailedAt, errorName, errorMessage }) =>
    [id, key, group, attempts, momentText(lastFailedAt), `${errorName}: ${errorMessage}`].map(cell),
  );
  const head = ['ID', 'KEY', 'GROUP', 'ATTEMPTS', 'FAILED', 'ERROR'];
  const lines = aligned([head, ...rows]);
  const errorAt = lines[0]?.lastIndexOf('ERROR') ?? 0;
  const shown = lines.map((line, index) => {
    if (index === 0) return colours ? styleText('bold', line, ALWAYS) : line;
    const reason = line.slice(errorAt);
    const row = line.slice(0, errorAt) + (colours ? styleText('red', reason, ALWAYS) : reason);
    return payload ? `${row}\n  ${bodyText(letters[index - 1]?.body ?? null)}` : row;
  });
  const title = `${lettersOf(letters.length)} in ${topic}`;
  return `${[title, ...(rows.length === 0 ? [] : ['', ...shown])].join('\n')}\n`;
}

/** The caller has already checked whether the terminal supports colours. */
const ALWAYS = { validateStream: false } as const;

function bodyText(body: Buffer | null): string {
  if (body === null) return '(no body)';
  return isUtf8(body) ? cell(body.toString()) : `base64:${body.toString('base64')}`;
}

/** How many there are of each cause. */
export function countsText(topic: string, counts: readonly FingerprintCount[]): string {
  const rows = counts.map(({ count, oldest, newest, fingerprint }) =>
    [count, momentText(oldest), momentText(newest), fingerprint].map(cell),
  );
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  return page(`${lettersOf(total)} in ${topic}`, ['COUNT', 'OLDEST', 'NEWEST', 'FINGERPRINT'], rows);
}

/** The dead letters that were replayed or discarded, one id a line. The others are reported separately. */
export function reportText({ verb, topic }: Deed, { done }: Pick<DeadLetterReport, 'done'>): string {
  const lines = done.map((id) => `  ${cell(id)}`);
  return `${[`${verb} ${lettersOf(done.length)} of ${topic}`, ...lines].join('\n')}\n`;
}

/** A dead letter as JSON: a body that is text as `body`, other bytes as `bodyBase64`, as with the key and headers. */
export function letterJson({ body, rawKey, rawHeaders, ...letter }: StoredDeadLetter): object {
  return {
    ...letter,
    ...(rawKey === undefined ? {} : { keyBase64: textOf(rawKey, 'base64') }),
    ...(rawHeaders === undefined ? {} : { headersBase64: base64Of(rawHeaders) }),
    ...(body === null || isUtf8(body) ? { body: textOf(body) } : { bodyBase64: textOf(body, 'base64') }),
  };
}

/** A report as JSON: what was left with code and sentence. */
export function reportJson(topic: string, isDryRun: boolean, { done, left }: DeadLetterReport): object {
  const why = left.map(({ id, error: { code, message } }) => ({ id, code, message }));
  return { topic, dryRun: isDryRun, done, left: why };
}

const textOf = (body: Buffer | null, encoding: 'utf8' | 'base64' = 'utf8'): string | null =>
  body === null ? null : body.toString(encoding);

const base64Of = (headers: Readonly<Record<string, Buffer>>): object =>
  Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, textOf(bytes, 'base64')]));

const lettersOf = (count: number): string => `${count} dead letter${count === 1 ? '' : 's'}`;

const momentText = (moment: Date | undefined): string | undefined => moment?.toISOString();

/** Why: what somebody put into a message must not command the terminal of whoever reads it, nor break the line. */
export const cell = (value: string | number | undefined): string => String(value ?? '-').replace(/\p{C}+/gu, ' ');

function page(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = rows.length === 0 ? [] : ['', ...aligned([head, ...rows])];
  return `${[title, ...table].join('\n')}\n`;
}
