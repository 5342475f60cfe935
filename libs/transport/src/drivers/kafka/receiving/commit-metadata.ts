/**
 * The metadata of a committed offset, from which the next owner of a partition learns more than the offset:
 *
 * ```
 * nt1;p=6;u=2;a=0:3,1c:2;d=1-9,b
 * |   |   |   |          └ done above the offset: runs `first-(length minus 1)`, or a single one
 * |   |   |   └ attempts: the message at this offset is about to have its 3rd attempt
 * |   |   └ opened twice since the last clean close or progress: members have crashed
 * |   └ partitions of the topic when the group first read it
 * └ format and version; other metadata is foreign and ignored
 * ```
 * Numbers are base 36. Positions are relative to the committed offset, runs to the end of the previous run.
 * Kafka allows at most 4,096 bytes (`offset.metadata.max.bytes`). What does not fit is left out: the next owner handles the messages of
 * such a run again, and counts such attempts from 1 again. Documentation: docs/drivers/kafka.md, "Commit metadata".
 */
export interface CommitState {
  /** Partitions of the topic when the group first read it; undefined when unknown. */
  readonly partitions: number | undefined;
  /** How often the partition was opened since the last clean close or progress; 0 after a clean close. */
  readonly openings: number;
  /** Number of the next attempt, by offset, of messages that wait for one. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Runs of offsets above the committed one that are done, lowest first. */
  readonly done: readonly (readonly [first: number, last: number])[];
}

export const NOTHING_KNOWN: CommitState = { partitions: undefined, openings: 0, attempts: new Map(), done: [] };

export const MAX_METADATA_BYTES = 4_096;

const MAGIC = 'nt1';
/** Limit for attempts. The rest is for runs, which save work for more messages. */
const MAX_ATTEMPTS_BYTES = 1_024;

/** Encodes the state for a commit at `offset` as ASCII of at most `maxBytes`. */
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

/** Decodes commit metadata. Foreign, damaged or empty texts decode to `NOTHING_KNOWN`. */
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

/** Joins as many items, in order, as fit. */
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
