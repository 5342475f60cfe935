import { Notices, type Delivery } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { NOTHING_KNOWN } from './commit-metadata.js';
import { Exposure } from './exposure.js';
import { PartitionIntake } from './partition-intake.js';

const record = (offset: number) => ({
  offset: String(offset),
  key: Buffer.from('a'),
  value: Buffer.from('1'),
  timestamp: '0',
  headers: {},
});

function setUp() {
  const clock = new ManualClock();
  const taken: Delivery[] = [];
  let revocations = 0;
  const intake = new PartitionIntake(
    {
      broker: 'default',
      subscription: {
        topic: 't',
        group: 'g',
        delivery: 'group',
        startFrom: 'beginning',
        ordering: 'key',
        concurrency: 16,
        maxInFlight: 256,
      },
      sink: { receive: (deliveries) => void taken.push(...deliveries), revoked: () => revocations++ },
      partition: 0,
      maxUncommitted: 5_000,
      exposure: new Exposure(5_000),
      clock,
      notices: new Notices(),
    },
    {
      pause: () => undefined,
      resume: () => undefined,
      touched: () => undefined,
      mayBegin: () => true,
      commitNow: () => Promise.resolve(),
      moved: () => undefined,
    },
    0,
    NOTHING_KNOWN,
  );
  const take = (...offsets: number[]): void =>
    intake.take({
      topic: 't',
      partition: 0,
      records: offsets.map(record) as never,
      nextOffset: (offsets.at(-1) ?? 0) + 1,
    });
  return { intake, taken, take, clock, revocations: () => revocations };
}

describe('a partition whose group changes', () => {
  it('recalls queued and parked messages, so that no handler starts', () => {
    const { intake, taken, take, revocations } = setUp();
    take(0, 1, 2);
    const [running, parked, queued] = taken as [Delivery, Delivery, Delivery];
    running.state = 'running';
    parked.park(2, 500);
    intake.recall();
    expect([running.state, parked.state, queued.state]).toEqual(['running', 'revoked', 'revoked']);
    expect(revocations()).toBe(1);
    take(3);
    expect(taken).toHaveLength(3);
  });

  it('hands it over again when it stays, in order, with its attempt, and not sooner than it was to be tried', () => {
    const { intake, taken, take, clock } = setUp();
    take(0, 1);
    const [parked] = taken as [Delivery];
    parked.park(3, 500);
    parked.notBeforeMs = clock.monotonicMs() + 500;
    intake.recall();
    intake.release();
    expect(taken.slice(2).map(({ offset, attempt }) => [offset, attempt])).toEqual([
      ['0', 3],
      ['1', 1],
    ]);
    expect(taken[2]?.notBeforeMs).toBe(clock.monotonicMs() + 500);
    expect(parked.settle({ kind: 'ack' })).toBe(false);
    expect(taken[2]?.settle({ kind: 'ack' })).toBe(true);
    expect(intake.unsettledOffset).toBe('1');
  });
});
