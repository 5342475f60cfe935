import { Notices, type Delivery, type Subscription } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import type {
  ClientMember,
  CommittedOffset,
  FetchedBatch,
  OffsetCommit,
  PartitionPlace,
  ReadPosition,
} from '../client/seam.js';
import { ClientFailure } from '../client/seam.js';
import { GroupIntake } from './group-intake.js';
import { resolveKafkaOptions, type KafkaOptions } from '../options.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const SESSION_MS = 30_000;

/** A member of a group whose broker a test plays. */
class FakeMember implements ClientMember {
  readonly memberId = 'member-1';
  readonly paused = new Set<string>();
  readonly commits: string[] = [];
  /** Of the newest commit. */
  metadata = '';
  confirmedAtMs = Infinity;
  high = 100;
  partitions = 1;
  endsAsked = 0;
  /** What becomes of commits, of questions for bounds. */
  commitOutcome: () => Promise<void> = () => Promise.resolve();
  boundsAreKnown: Promise<void> = Promise.resolve();

  start(): Promise<void> {
    return Promise.resolve();
  }

  pause(topic: string, partition: number): void {
    this.paused.add(`${topic}/${partition}`);
  }

  resume(topic: string, partition: number): void {
    this.paused.delete(`${topic}/${partition}`);
  }

  commit(offsets: readonly OffsetCommit[]): Promise<void> {
    for (const { topic, partition, offset, metadata } of offsets) {
      this.commits.push(`${topic}/${partition}@${offset}`);
      this.metadata = metadata;
    }
    return this.commitOutcome();
  }

  async bounds(_topic: string, partitions: readonly number[]): Promise<Map<number, { low: number; high: number }>> {
    await this.boundsAreKnown;
    return new Map(partitions.map((partition) => [partition, { low: 0, high: this.high }]));
  }

  async ends(places: readonly PartitionPlace[]): Promise<ReadPosition[]> {
    await this.boundsAreKnown;
    this.endsAsked++;
    return places.map(({ topic, partition }) => ({ topic, partition, offset: this.high }));
  }

  offsetsAt(): Promise<Map<number, number>> {
    return Promise.resolve(new Map());
  }

  countPartitions(): Promise<number> {
    return Promise.resolve(this.partitions);
  }

  committed(topic: string, partitions: readonly number[]): Promise<CommittedOffset[]> {
    return Promise.resolve(partitions.map((partition) => at(partition, undefined, topic)));
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }
}

const at = (partition: number, offset?: number, topic = 't', expired = false, metadata = ''): CommittedOffset => ({
  topic,
  partition,
  offset,
  expired,
  metadata,
});

const batch = (partition: number, from: number, to: number): FetchedBatch => ({
  topic: 't',
  partition,
  nextOffset: to,
  records: Array.from({ length: to - from }, (_, index) => ({
    offset: String(from + index),
    key: Buffer.from(`key-${from + index}`),
    value: Buffer.from('{}'),
    timestamp: '0',
  })),
});

function setUp(startFrom: Subscription['startFrom'] = 'beginning', options: Partial<KafkaOptions> = {}) {
  const clock = new ManualClock();
  const notices = new Notices();
  const got: Delivery[] = [];
  const lost: unknown[] = [];
  notices.on('partition:revoked', ({ partition, unsettled }) => lost.push([partition, unsettled]));
  const subscription: Subscription = {
    topic: 't',
    group: 'g',
    delivery: 'group',
    startFrom,
    ordering: 'key',
    concurrency: 16,
    maxInFlight: 256,
  };
  const failed: string[] = [];
  const warnings: string[] = [];
  notices.on('subscription:warned', ({ warning }) => warnings.push(warning));
  notices.on('settlement:failed', ({ id, settlement }) => failed.push(`${settlement} ${id}`));
  let full: Promise<void> | undefined;
  const sink = { receive: (ds: readonly Delivery[]) => (got.push(...ds), full), revoked: () => undefined };
  const host = { service: 's', broker: 'default', notices, clock };
  const resolved = resolveKafkaOptions({ brokers: ['127.0.0.1:9'], sessionTimeoutMs: SESSION_MS, ...options });
  const intake = new GroupIntake(host, 'g', [{ subscription, sink }], resolved);
  const member = new FakeMember();
  const listener = intake.listen(
    () => member,
    () => undefined,
  );
  const join = async (...partitions: number[]): Promise<void> => {
    await listener.beforeJoin();
    listener.joined({ t: partitions });
  };
  const beat = (): Promise<void> => Promise.resolve();
  const fetched = async (partition: number, from: number, to: number): Promise<void> => {
    const done = listener.fetched(batch(partition, from, to), beat);
    await turn();
    clock.advance(1_000);
    await turn();
    clock.advance(1_000);
    await done;
  };
  const fill = (): (() => void) => {
    let letIn = (): void => undefined;
    full = new Promise((resolve) => (letIn = resolve));
    return () => {
      full = undefined;
      letIn();
    };
  };
  const end = (count: number): void => {
    for (const delivery of got.filter(({ state }) => state === 'queued').slice(0, count)) {
      delivery.state = 'running';
      delivery.settle({ kind: 'ack' });
    }
  };
  return { intake, member, listener, clock, got, lost, failed, warnings, join, fetched, fill, end };
}

const offsets = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ offset }) => Number(offset));

describe('a rebalance that does not come to its end', () => {
  const placed = async () => {
    const scene = setUp();
    await scene.join(0);
    await scene.listener.positions([at(0, 5)]);
    return scene;
  };

  it('is a problem and a notice within 10 seconds while the group waits for another member, and none afterwards', async () => {
    const { intake, listener, clock, warnings } = await placed();
    await listener.beforeJoin();
    clock.advance(7_000);
    expect(intake.problems).toEqual([]);
    clock.advance(3_000);
    expect(intake.problems).toEqual([
      expect.stringMatching(/^group "g" has been rebalancing for 10 s .*another member/),
    ]);
    expect(warnings).toEqual([expect.stringMatching(/^group "g" has been rebalancing for 8 s/)]);
    listener.joined({ t: [0] });
    await listener.positions([at(0, 5)]);
    expect(intake.problems).toEqual([]);
    clock.advance(20_000);
    expect(warnings).toHaveLength(1);
  });

  it('is a problem while the brokers do not return the start positions', async () => {
    const { intake, member, join, listener, clock, warnings } = await placed();
    await join(0, 1);
    member.boundsAreKnown = new Promise(() => undefined);
    void listener.positions([at(0, 5), at(1)]);
    clock.advance(10_000);
    expect(intake.problems).toEqual([
      expect.stringContaining('the brokers have not returned the offsets to read from'),
    ]);
    expect(warnings).toHaveLength(1);
  });

  it('is none of a consumer that stops, and leaves no timer', async () => {
    const { intake, listener, clock, warnings } = await placed();
    await listener.beforeJoin();
    intake.stop();
    await listener.beforeJoin();
    clock.advance(60_000);
    expect(intake.problems).toEqual([]);
    expect(warnings).toEqual([]);
    await intake.close();
    expect(clock.pending).toBe(0);
  });
});

describe('a client that asks once for each broker where to read', () => {
  it('gets the same result each time: a group with startFrom "new" misses nothing published since', async () => {
    const { intake, member, listener, join, lost } = setUp('new');
    await join(0);
    void intake.placed().then(() => (member.high = 105));
    const never = [at(0)];
    const answers = await Promise.all([listener.positions(never), listener.positions(never)]);
    expect(answers.flat().map(({ offset }) => offset)).toEqual([100, 100]);
    expect(member.commits).toEqual(['t/0@100']);
    expect(lost).toEqual([]);
  });

  it('does not lose a kept partition whose commit went on while another one was opened', async () => {
    const { member, listener, join, fetched, end, lost, clock } = setUp('new');
    await join(0);
    await listener.positions([at(0, 500)]);
    await fetched(0, 500, 600);
    await join(0, 1);
    let known = (): void => undefined;
    member.boundsAreKnown = new Promise((resolve) => (known = resolve));
    const stale = [at(0, 500), at(1)];
    const answers = Promise.all([listener.positions(stale), listener.positions(stale)]);
    await turn();
    end(10);
    clock.advance(10_000);
    await turn();
    known();
    const [first, second] = await answers;
    expect(first?.[0]).toEqual({ topic: 't', partition: 0, offset: 600 });
    expect(second?.[0]).toEqual({ topic: 't', partition: 0, offset: 600 });
    expect(lost).toEqual([]);
  });
});

describe('a group that changes while a partition is being opened', () => {
  it('gets no commit of the partition in the name of the new generation', async () => {
    const { member, listener, join } = setUp('new');
    await join(0);
    let known = (): void => undefined;
    member.boundsAreKnown = new Promise((resolve) => (known = resolve));
    const answer = listener.positions([at(0)]);
    await turn();
    await join(1);
    known();
    expect(await answer).toEqual([]);
    expect(member.commits).toEqual([]);
  });
});

describe('a partition that was paused because its sink was full', () => {
  it('is read again when it comes back after another member had it', async () => {
    const { member, listener, join, fetched, fill } = setUp();
    const letIn = fill();
    await join(0);
    await listener.positions([at(0, 500)]);
    await fetched(0, 500, 1_500);
    expect([...member.paused]).toEqual(['t/0']);
    await join(0);
    await listener.positions([at(0, 9_000)]);
    letIn();
    await turn();
    expect([...member.paused]).toEqual([]);
  });
});

describe('a client that throws because its member is dying', () => {
  it('has no effect, and the next member reads the partition', async () => {
    const { member, listener, join, fetched, fill } = setUp();
    const letIn = fill();
    await join(0);
    await listener.positions([at(0, 500)]);
    await fetched(0, 500, 1_500);
    const { resume } = member;
    member.resume = () => {
      throw new Error('Consumer group was not initialized');
    };
    letIn();
    await turn();
    expect([...member.paused]).toEqual(['t/0']);
    member.resume = resume;
    await join(0);
    await listener.positions([at(0, 500)]);
    expect([...member.paused]).toEqual([]);
  });
});

describe('a handler that was running when the group changed', () => {
  it('is not tried again before the member is placed, when it fails', async () => {
    const { listener, join, fetched, got } = setUp();
    await join(0);
    await listener.positions([at(0, 500)]);
    await fetched(0, 500, 501);
    const running = got[0] as Delivery;
    running.state = 'running';
    const joining = listener.beforeJoin();
    running.notBeforeMs = 5_000;
    running.park(2, 100);
    await joining;
    await turn();
    expect(running.state).toBe('revoked');
    listener.joined({ t: [0] });
    await listener.positions([at(0, 500)]);
    expect(got.slice(1).map(({ offset, attempt, notBeforeMs }) => [offset, attempt, notBeforeMs])).toEqual([
      ['500', 2, 5_000],
    ]);
  });
});

describe('a commit that fails after the partition was revoked', () => {
  it('is not made again: it would move the next owner’s offset back', async () => {
    const { member, listener, join, fetched, end, clock } = setUp('beginning', { commitIntervalMs: 500 });
    await join(0);
    await listener.positions([at(0, 0)]);
    await fetched(0, 0, 10);
    let fail: (error: unknown) => void = () => undefined;
    member.commitOutcome = () => new Promise((_, reject) => (fail = reject));
    end(10);
    clock.advance(500);
    expect(member.commits).toEqual(['t/0@0', 't/0@10']);
    listener.joined({});
    fail(new ClientFailure('protocol', 'stale', { protocol: 'ILLEGAL_GENERATION' }));
    await turn();
    clock.advance(10_000);
    await turn();
    expect(member.commits).toEqual(['t/0@0', 't/0@10']);
  });
});

describe('a place that the broker no longer has', () => {
  it('is replaced by the committed offset if that is in range, and not by the beginning', async () => {
    const { member, listener, join, fetched } = setUp();
    await join(0);
    await listener.positions([at(0, 40)]);
    await fetched(0, 40, 250);
    member.high = 60;
    expect(await listener.positions([at(0, 40, 't', true)])).toEqual([{ topic: 't', partition: 0, offset: 40 }]);
  });

  it('is replaced by the oldest record if the committed offset is out of range too', async () => {
    const { member, listener, join } = setUp('new');
    await join(0);
    await listener.positions([at(0, 90)]);
    member.high = 60;
    expect(await listener.positions([at(0, 90, 't', true)])).toEqual([{ topic: 't', partition: 0, offset: 0 }]);
  });
});

describe('a process that was stopped for longer than its session', () => {
  async function stopped() {
    const scene = setUp();
    scene.member.confirmedAtMs = scene.clock.monotonicMs();
    await scene.join(0);
    await scene.listener.positions([at(0, 0)]);
    const done = scene.listener.fetched(batch(0, 0, 3), () => Promise.resolve());
    await done;
    scene.clock.advance(SESSION_MS);
    return scene;
  }

  it('starts no handler until the group confirms the member', async () => {
    const { got, clock, member, listener } = await stopped();
    const [first, second] = got as [Delivery, Delivery];
    expect(first.mayBegin()).toBe(true);
    first.state = 'running';
    clock.advance(1);
    expect(second.mayBegin()).toBe(false);
    expect(got.map(({ state }) => state)).toEqual(['running', 'revoked', 'revoked']);
    member.confirmedAtMs = clock.monotonicMs();
    listener.confirmed();
    expect(offsets(got.slice(3))).toEqual([1, 2]);
    expect(got[3]?.mayBegin()).toBe(true);
  });

  it('delivers nothing when it has to rejoin, until it knows its assignment', async () => {
    const { got, clock, listener, join } = await stopped();
    clock.advance(1);
    expect(got[0]?.mayBegin()).toBe(false);
    await join(0);
    listener.confirmed();
    expect(got).toHaveLength(3);
    await listener.positions([at(0, 3)]);
    expect(got).toHaveLength(3);
  });
});

describe('a partition whose members end without a word', () => {
  /** Opens it as the next process would, with what the last one has committed. */
  async function opened(offset: number, metadata: string) {
    const scene = setUp();
    await scene.join(0);
    await scene.listener.positions([at(0, offset, 't', false, metadata)]);
    await scene.fetched(0, offset, offset + 3);
    return scene;
  }

  it('counts its openings, and suspects the messages they may have started', async () => {
    const first = await opened(100, '');
    expect(first.member.metadata).toBe('nt1;u=1');
    expect(first.got[0]?.suspicion).toBe(0);
    const second = await opened(100, first.member.metadata);
    expect(second.got[0]?.suspicion).toBe(1);
    const third = await opened(100, second.member.metadata);
    expect(third.member.metadata).toBe('nt1;u=3');
    expect(third.got.map(({ suspicion }) => suspicion)).toEqual([2, 2, 2]);
  });

  it('commits the next attempt of a suspected message before this one starts', async () => {
    const { got, member } = await opened(100, 'nt1;u=2');
    const [suspect] = got as [Delivery];
    await suspect.recordStart();
    expect(member.metadata).toBe('nt1;u=3;a=0:2');
    const next = await opened(100, member.metadata);
    expect(next.got.map(({ attempt }) => attempt)).toEqual([2, 1, 1]);
  });

  it('suspects no message when a member made progress', async () => {
    const { end, clock, member } = await opened(100, 'nt1;u=1');
    end(1);
    clock.advance(10_000);
    await turn();
    expect([member.commits.at(-1), member.metadata]).toEqual(['t/0@101', '']);
  });

  it('suspects no message after a clean close', async () => {
    const { intake, member } = await opened(100, 'nt1;u=1');
    expect(member.metadata).toBe('nt1;u=2');
    await intake.close();
    expect([member.commits.at(-1), member.metadata]).toEqual(['t/0@100', '']);
  });

  it('still suspects messages when the member that left had a running handler', async () => {
    const { intake, got, member } = await opened(100, 'nt1;u=1');
    (got[0] as Delivery).state = 'running';
    await intake.close();
    expect(member.metadata).toBe('nt1;u=2');
  });
});

describe('the records that wait for a member', () => {
  it('are those that its sinks have not received, also when the client never reads them', async () => {
    const { intake, member, listener, join, fetched } = setUp();
    await join(0);
    await listener.positions([at(0, 90)]);
    expect(await intake.waiting()).toEqual(new Map([['t', 10]]));
    await fetched(0, 90, 95);
    member.pause('t', 0);
    expect(await intake.waiting()).toEqual(new Map([['t', 5]]));
    await fetched(0, 95, 100);
    expect(await intake.waiting()).toEqual(new Map([['t', 0]]));
  });

  it('are unknown while the sink asks to wait, while the group changes, and while a partition waits for a message', async () => {
    const { intake, listener, join, fetched, fill, end } = setUp('beginning', { maxUncommitted: 20 });
    expect(await intake.waiting()).toEqual(new Map());
    await join(0);
    expect(await intake.waiting()).toEqual(new Map());
    await listener.positions([at(0, 0)]);
    const letIn = fill();
    await fetched(0, 0, 10);
    expect(await intake.waiting()).toEqual(new Map());
    letIn();
    await turn();
    expect(await intake.waiting()).toEqual(new Map([['t', 90]]));
    await fetched(0, 10, 50);
    expect(await intake.waiting()).toEqual(new Map());
    end(20);
    await listener.beforeJoin();
    expect(await intake.waiting()).toEqual(new Map());
  });

  it('are requested once a minute when the broker denies the request', async () => {
    const { intake, member, listener, join, clock } = setUp();
    await join(0);
    await listener.positions([at(0, 90)]);
    const refusal = new ClientFailure('protocol', 'no right', { protocol: 'TOPIC_AUTHORIZATION_FAILED' });
    member.boundsAreKnown = Promise.reject(refusal);
    expect(await intake.waiting()).toEqual(new Map());
    member.boundsAreKnown = Promise.resolve();
    expect([await intake.waiting(), member.endsAsked]).toEqual([new Map(), 0]);
    clock.advance(60_000);
    expect(await intake.waiting()).toEqual(new Map([['t', 10]]));
  });
});

describe('commits that fail', () => {
  it('are a problem until their partition is revoked', async () => {
    const { intake, member, listener, join, fetched, end, clock } = setUp();
    await join(0);
    await listener.positions([at(0, 0)]);
    await fetched(0, 0, 10);
    const refusal = new ClientFailure('protocol', 'no such topic', { protocol: 'UNKNOWN_TOPIC_OR_PARTITION' });
    member.commitOutcome = () => Promise.reject(refusal);
    end(10);
    clock.advance(1_000);
    await turn();
    expect(intake.problems).toEqual([expect.stringMatching(/commits of group "g" fail.*no such topic/)]);
    await join(1);
    expect(intake.problems).toEqual([]);
  });
});

describe('settlements that are in no commit when their partition is lost', () => {
  it('are reported, once each', async () => {
    const { member, listener, join, fetched, end, got, failed, clock } = setUp();
    await join(0);
    await listener.positions([at(0, 0)]);
    await fetched(0, 0, 10);
    end(4);
    clock.advance(1_000);
    await turn();
    member.commitOutcome = () =>
      Promise.reject(new ClientFailure('protocol', 'unknown', { protocol: 'UNKNOWN_MEMBER_ID' }));
    end(2);
    got[6]?.settle({ kind: 'reject', reason: new Error('as planned') });
    clock.advance(1_000);
    await turn();
    expect(failed).toEqual([]);
    await join(1);
    expect(failed).toEqual(['ack t/0/4', 'ack t/0/5', 'reject t/0/6']);
    await join(0);
    expect(failed).toHaveLength(3);
  });

  it('are not, when the topic is deleted: nothing of it comes again', async () => {
    const { member, listener, join, fetched, end, failed } = setUp();
    await join(0);
    await listener.positions([at(0, 0)]);
    await fetched(0, 0, 10);
    const gone = new ClientFailure('protocol', 'no such topic', { protocol: 'UNKNOWN_TOPIC_OR_PARTITION' });
    member.commitOutcome = () => Promise.reject(gone);
    end(10);
    await join(1);
    expect(failed).toEqual([]);
  });

  it('are not, when the next member of this process has the partition and commits them', async () => {
    const { member, listener, join, fetched, end, failed, clock } = setUp();
    await join(0);
    await listener.positions([at(0, 0)]);
    await fetched(0, 0, 10);
    member.commitOutcome = () => Promise.reject(new ClientFailure('closed', 'the connection was closed'));
    end(10);
    await join(0);
    member.commitOutcome = () => Promise.resolve();
    await listener.positions([at(0, 0)]);
    clock.advance(1_000);
    await turn();
    await join(1);
    expect([member.commits.at(-1), failed]).toEqual(['t/0@10', []]);
  });
});
