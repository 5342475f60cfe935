/**
 * What rides in the metadata of a committed offset, so that the next owner of a partition knows more than the offset:
 *
 * ```
 * nt1;p=6;u=2;a=0:3,1c:2;d=1-9,b
 * |   |   |   |          └ done above the offset: runs `first-length less one`, or a single one
 * |   |   |   └ attempts: the message at this offset is about to have its 3rd attempt
 * |   |   └ opened twice since a member last left it in order, or got further: members have ended without a word
 * |   └ partitions the topic had when the group first met it
 * └ format and version; a text that begins otherwise is foreign, and ignored
 * ```
 * Numbers are base 36; positions are relative to the committed offset, runs to the end of the run before.
 * Kafka takes at most 4,096 bytes (`offset.metadata.max.bytes`). What does not fit is left out: a run that is left out is
 * handled twice after a change of owner, an attempt that is left out counts from 1 again.
 * The page for readers: docs/drivers/kafka.md, "Commit metadata".
 */
export interface CommitState {
  /** Partitions that the topic had when the group first met it; undefined when not known. */
  readonly partitions: number | undefined;
  /** How often the partition was opened since a member left it in order or got further; 0 when it was left in order. */
  readonly openings: number;
  /** Number of the next attempt, by offset, of messages that wait for one. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Runs of offsets above the committed one that are done, lowest first. */
  readonly done: readonly (readonly [first: number, last: number])[];
}

export const NOTHING_KNOWN: CommitState = { partitions: undefined, openings: 0, attempts: new Map(), done: [] };

export const MAX_METADATA_BYTES = 4_096;

const MAGIC = 'nt1';
/** Attempts may use this much; the rest belongs to the runs, which save work for more messages. */
const MAX_ATTEMPTS_BYTES = 1_024;

/** Text for the commit at `offset`; ASCII, never longer than `maxBytes`. */
export function encodeCommitState(offset: number, state: CommitState, maxBytes = MAX_METADATA_BYTES): string {
  const parts = [MAGIC];
  if (state.partitions !== undefined) parts.push(`p=${state.partitions.toString(36)}`);
  if (state.openings > 0) parts.push(`u=${state.openings.toString(36)}`);
  const attempts = fit(newestFirst(offset, state.attempts), Math.min(MAX_ATTEMPTS_BYTES, maxBytes - used(parts)));
  if (attempts !== '') parts.push(`a=${attempts}`);
  const done = fit(runTexts(offset, state.done), maxBytes - used(parts));
  if (done !== '') parts.push(`d=${done}`);
  return parts.length === 1 ? '' : parts.join(';');
}

/** What a text says; foreign, damaged or empty texts say nothing. */
export function decodeCommitState(offset: number, text: string | null | undefined): CommitState {
  if (text == null || !text.startsWith(`${MAGIC};`)) return NOTHING_KNOWN;
  const fields = new Map(text.split(';').map((field) => [field.slice(0, 2), field.slice(2)]));
  try {
    const partitions = fields.get('p=');
    const openings = fields.get('u=');
    return {
      partitions: partitions === undefined ? undefined : parse(partitions),
      openings: openings === undefined ? 0 : parse(openings),
      attempts: new Map(items(fields.get('a=')).map((item) => attemptOf(offset, item))),
      done: runsOf(offset, items(fields.get('d='))),
    };
  } catch {
    return NOTHING_KNOWN;
  }
}

/** Length of the parts joined, with the separator and the two characters of the next field's name. */
const used = (parts: readonly string[]): number => parts.join(';').length + 3;

/** As many of the items, in order, as fit. */
function fit(texts: Iterable<string>, room: number): string {
  let all = '';
  for (const text of texts) {
    const longer = all === '' ? text : `${all},${text}`;
    if (longer.length > room) break;
    all = longer;
  }
  return all;
}

function newestFirst(offset: number, attempts: ReadonlyMap<number, number>): string[] {
  return [...attempts]
    .filter(([at]) => at >= offset)
    .sort(([a], [b]) => b - a)
    .map(([at, attempt]) => `${(at - offset).toString(36)}:${attempt.toString(36)}`);
}

function* runTexts(offset: number, runs: CommitState['done']): Iterable<string> {
  let from = offset;
  for (const [first, last] of runs) {
    const start = (first - from).toString(36);
    yield last === first ? start : `${start}-${(last - first).toString(36)}`;
    from = last;
  }
}

const items = (field: string | undefined): string[] => (field === undefined || field === '' ? [] : field.split(','));

function attemptOf(offset: number, item: string): [number, number] {
  const [at = '', attempt = ''] = item.split(':');
  return [offset + parse(at), parse(attempt)];
}

function runsOf(offset: number, texts: readonly string[]): [number, number][] {
  let from = offset;
  return texts.map((text) => {
    const [start = '', length] = text.split('-');
    const first = from + parse(start);
    from = length === undefined ? first : first + parse(length);
    return [first, from];
  });
}

function parse(text: string): number {
  if (!/^[0-9a-z]{1,11}$/.test(text)) throw new RangeError(text);
  return Number.parseInt(text, 36);
}
