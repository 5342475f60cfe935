import { createRequire } from 'node:module';
import type { OutgoingRecord } from '../seam.js';
import { groupingItself } from './grouping-itself.js';

interface Question {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly OutgoingRecord[];
  readonly partitioner: (offered: { message: OutgoingRecord }) => number;
}
type GroupMessages = (question: Question) => Record<number, OutgoingRecord[]>;

/** kafkajs' own, of the version that is installed. */
const group = createRequire(import.meta.url)('kafkajs/src/producer/groupMessagesPerPartition.js') as GroupMessages;

const recordsOf = (count: number, partitions: number): OutgoingRecord[] =>
  Array.from({ length: count }, (_, n) => ({
    key: `${n}`,
    value: null,
    headers: undefined,
    partition: n % partitions,
  }));

function groupedBy(messages: OutgoingRecord[]) {
  let asked = 0;
  const partitioner = ({ message }: { message: OutgoingRecord }): number => {
    asked++;
    return message.partition as number;
  };
  return { groups: group({ topic: 't', partitionMetadata: [{}], messages, partitioner }), asked: () => asked };
}

describe('records that group themselves', () => {
  it('are grouped by kafkajs as others are, in order, without a copy for each record', () => {
    const records = recordsOf(1_000, 7);
    const { groups, asked } = groupedBy(groupingItself([...records]));
    expect(groups).toEqual(groupedBy(records).groups);
    expect(asked()).toBe(7);
  });

  it('are an array like others to every other fold', () => {
    const records = groupingItself(recordsOf(10, 2));
    expect(records.reduce((sum, { partition = 0 }) => sum + partition, 0)).toBe(5);
    expect(
      records.reduce<Record<string, string>>((keys, { key }) => ({ ...keys, [String(key)]: 'x' }), {}),
    ).toHaveProperty('9');
    expect([...records]).toEqual(recordsOf(10, 2));
    expect(Object.keys(records)).toHaveLength(10);
  });
});
