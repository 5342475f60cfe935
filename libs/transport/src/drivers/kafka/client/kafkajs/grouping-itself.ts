import type { OutgoingRecord } from '../seam.js';

type Fold = (groups: Groups, record: OutgoingRecord, index: number, all: OutgoingRecord[]) => Groups;
type Groups = Readonly<Record<number, OutgoingRecord[]>>;

/**
 * Returns the same array with a `reduce` that groups records by partition in one pass. kafkajs folds them into `{ [partition]: records }` and
 * copies the list of a partition for each record: 22 ms for 5,000 records. Here kafkajs' fold creates each list and later records are pushed to it.
 * Any other fold runs unchanged.
 * @param records each names its partition
 */
export function groupingItself(records: OutgoingRecord[]): OutgoingRecord[] {
  return Object.defineProperty(records, 'reduce', { value: reduceByPartition, configurable: true });
}

function reduceByPartition(this: OutgoingRecord[], fold: Fold, initial: unknown): unknown {
  return (
    (isEmptyObject(initial) ? grouped(this, fold) : undefined) ??
    Array.prototype.reduce.call(this, fold as never, initial)
  );
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** undefined when the fold does not build such lists. */
function grouped(records: OutgoingRecord[], fold: Fold): Groups | undefined {
  const lists = new Map<number, OutgoingRecord[]>();
  let groups: Groups = {};
  for (const [index, record] of records.entries()) {
    const partition = record.partition as number;
    const list = lists.get(partition);
    if (list !== undefined) list.push(record);
    else {
      groups = fold(groups, record, index, records);
      const made: unknown = groups?.[partition];
      if (!Array.isArray(made) || made.length !== 1 || made[0] !== record) return undefined;
      lists.set(partition, made);
    }
  }
  return groups;
}
