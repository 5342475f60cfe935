import type { HistoryEntry } from './history-entry.js';

/*
 * The judgements over a history, each a pure function of its entries that throws an Error saying what was seen.
 * A reader is (topic, group): every reader is owed every message of its topic.
 */

type Entries = readonly HistoryEntry[];
type EntryOf<What extends HistoryEntry['what']> = Extract<HistoryEntry, { readonly what: What }>;

interface Published {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  /** Its place among all publishes. */
  readonly sequence: number;
}

export function checkLost(entries: Entries, expect: 'all' | 'seen'): void {
  const confirmed = confirmedPublishes(entries);
  const readers = readersOf(entries);
  const unread = confirmed.filter(({ topic }) => ![...readers.values()].some((reader) => reader.topic === topic));
  if (expect === 'all') complain(ids(unread), 'confirmed, but their topic was never read');
  for (const [name, { topic, seen, done }] of readers) {
    const owed = confirmed.filter((message) => message.topic === topic);
    // Not by `Math.max(...)`: a history may have more messages than a call can take arguments.
    const lastSeen = owed.reduce((last, { id, sequence }) => (seen.has(id) ? Math.max(last, sequence) : last), -1);
    const due = expect === 'all' ? owed : owed.filter(({ sequence }) => sequence <= lastSeen);
    complain(ids(due.filter(({ id }) => !done.has(id))), `confirmed, but neither handled nor dead-lettered by ${name}`);
  }
}

export function checkDuplicates(entries: Entries, limit: number): void {
  for (const [name, handled] of byReader(entriesOf(entries, 'handled'))) {
    const times = countBy(handled.filter(({ outcome }) => outcome === 'ok').map(({ id }) => id));
    const again = [...times].filter(([, count]) => count > 1);
    const extra = again.reduce((sum, [, count]) => sum + count - 1, 0);
    if (extra <= limit) continue;
    complain(
      again.map(([id, count]) => `${id} (${count} times)`),
      `handled more than once by ${name}: ${extra} duplicates, at most ${limit} allowed`,
    );
  }
}

export function checkOrderPerKey(entries: Entries): void {
  const published = publishes(entries);
  for (const [name, begun] of byReader(entriesOf(entries, 'handle'))) {
    const first = new Set<string>();
    const lastOfKey = new Map<string, Published>();
    for (const { id } of begun) {
      const message = published.get(id);
      if (message?.key === undefined || first.has(id)) continue;
      first.add(id);
      const before = lastOfKey.get(message.key);
      if (before !== undefined && before.sequence > message.sequence) {
        complain(
          [id],
          `of key "${message.key}" first handled by ${name} after ${before.id}, which was published later`,
        );
      }
      lastOfKey.set(message.key, message);
    }
  }
}

export function checkPredecessors(entries: Entries): void {
  const published = publishes(entries);
  const openOfKey = new Map<string, string>();
  for (const entry of entries) {
    if (entry.what !== 'handle' && entry.what !== 'settled') continue;
    const key = published.get(entry.id)?.key;
    if (key === undefined) continue;
    const lane = `${readerName(entry)} key "${key}"`;
    const open = openOfKey.get(lane);
    if (entry.what === 'settled' && open === entry.id) openOfKey.delete(lane);
    if (entry.what !== 'handle') continue;
    if (open !== undefined && open !== entry.id) {
      complain([entry.id], `handled by ${lane} before its predecessor ${open} was settled`);
    }
    openOfKey.set(lane, entry.id);
  }
}

export function checkPhantoms(entries: Entries): void {
  const published = publishes(entries);
  const failed = new Set(
    entriesOf(entries, 'published')
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ id }) => id),
  );
  const handled = new Set(entriesOf(entries, 'handle').map(({ id }) => id));
  complain(
    [...handled].filter((id) => !published.has(id)),
    'handled, but never published',
  );
  complain(
    [...handled].filter((id) => failed.has(id)),
    'handled, although their publish was reported as not stored',
  );
}

interface Reader {
  readonly topic: string;
  readonly seen: Set<string>;
  /** Handled to the end, dead-lettered or dropped. */
  readonly done: Set<string>;
}

function readersOf(entries: Entries): Map<string, Reader> {
  const readers = new Map<string, Reader>();
  for (const entry of entries) {
    if (entry.what === 'publish' || entry.what === 'published') continue;
    const name = readerName(entry);
    const reader = readers.get(name) ?? { topic: entry.topic, seen: new Set(), done: new Set() };
    readers.set(name, reader);
    reader.seen.add(entry.id);
    if (entry.what === 'settled' || (entry.what === 'handled' && entry.outcome === 'ok')) reader.done.add(entry.id);
  }
  return readers;
}

function readerName({ topic, group }: { readonly topic: string; readonly group: string }): string {
  return `group "${group}" on "${topic}"`;
}

function byReader<Entry extends EntryOf<'handle' | 'handled'>>(entries: readonly Entry[]): Map<string, Entry[]> {
  const readers = new Map<string, Entry[]>();
  for (const entry of entries) {
    const name = readerName(entry);
    const known = readers.get(name);
    if (known === undefined) readers.set(name, [entry]);
    else known.push(entry);
  }
  return readers;
}

function publishes(entries: Entries): Map<string, Published> {
  return new Map(
    entriesOf(entries, 'publish').map(({ id, topic, key }, sequence) => [id, { id, topic, key, sequence }]),
  );
}

function confirmedPublishes(entries: Entries): Published[] {
  const ok = new Set(
    entriesOf(entries, 'published')
      .filter(({ outcome }) => outcome === 'ok')
      .map(({ id }) => id),
  );
  return [...publishes(entries).values()].filter(({ id }) => ok.has(id));
}

function entriesOf<What extends HistoryEntry['what']>(entries: Entries, what: What): EntryOf<What>[] {
  return entries.filter((entry): entry is EntryOf<What> => entry.what === what);
}

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function ids(messages: readonly { readonly id: string }[]): string[] {
  return messages.map(({ id }) => id);
}

const SHOWN = 10;

/** Throws when anything is to be complained of; names at most ten, so that the sentence stays readable. */
function complain(culprits: readonly string[], what: string): void {
  if (culprits.length === 0) return;
  const shown = culprits.slice(0, SHOWN).join(', ');
  const more = culprits.length > SHOWN ? ` and ${culprits.length - SHOWN} more` : '';
  throw new Error(`${culprits.length} message${culprits.length === 1 ? '' : 's'} ${what}: ${shown}${more}`);
}
