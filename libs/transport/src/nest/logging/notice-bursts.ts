import type { NoticeMap, NoticeName, Notices } from '../../contract/index.js';
import type { TransportLog } from './transport-log.js';

/** Writes one line for many notices of the same kind, such as one for each partition of an assignment. */
export function logBursts(notices: Notices, log: TransportLog): void {
  inBursts(notices, 'partition:assigned', groupOf, (burst) => log.debug(`Assigned ${placesIn(burst)}`));
  inBursts(notices, 'partition:revoked', groupOf, (burst) => {
    const unsettled = burst.reduce((sum, each) => sum + each.unsettled, 0);
    log.debug(`Revoked ${placesIn(burst)} unsettled=${unsettled}`);
  });
  inBursts(notices, 'subscription:warned', causeOf, (burst) => log.warn(warningIn(burst)));
}

interface Placed {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
}

const groupOf = ({ broker, group }: Placed): string => JSON.stringify([broker, group]);
const causeOf = ({ broker, warning }: Placed & { readonly warning: string }): string =>
  JSON.stringify([broker, warning]);

type Burst<Name extends NoticeName> = readonly [NoticeMap[Name], ...NoticeMap[Name][]];

/** Collects what is emitted in the same turn of the event loop, by the key of what belongs together. */
function inBursts<Name extends NoticeName>(
  notices: Notices,
  name: Name,
  keyOf: (notice: NoticeMap[Name]) => string,
  write: (burst: Burst<Name>) => void,
): void {
  const bursts = new Map<string, [NoticeMap[Name], ...NoticeMap[Name][]]>();
  notices.on(name, (notice) => {
    if (bursts.size === 0) setImmediate(flush);
    const burst = bursts.get(keyOf(notice));
    if (burst === undefined) bursts.set(keyOf(notice), [notice]);
    else burst.push(notice);
  });
  const flush = (): void => {
    const all = [...bursts.values()];
    bursts.clear();
    all.forEach(write);
  };
}

/** `orders[0-5,7] prices[0] group=stock broker=main` */
function placesIn(burst: readonly [PlacedPartition, ...PlacedPartition[]]): string {
  const [{ group, broker }] = burst;
  const topics = [...new Set(burst.map(({ topic }) => topic))];
  const places = topics.map((topic) => {
    const partitions = burst.filter((each) => each.topic === topic).map(({ partition }) => partition);
    return `${topic}[${ranges(partitions)}]`;
  });
  return `${places.join(' ')} group=${group} broker=${broker}`;
}

type PlacedPartition = Placed & { readonly partition: number };

/** `0-5,7` */
function ranges(numbers: readonly number[]): string {
  const found: { from: number; to: number }[] = [];
  for (const each of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && last.to === each - 1) last.to = each;
    else found.push({ from: each, to: each });
  }
  return found.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function warningIn(burst: Burst<'subscription:warned'>): string {
  const [{ warning, broker }] = burst;
  const named = (all: readonly string[]): string => [...new Set(all)].join(',');
  const topics = named(burst.map(({ topic }) => topic));
  const groups = named(burst.map(({ group }) => group));
  return `Warning: ${warning}. topic=${topics} group=${groups} broker=${broker}`;
}
