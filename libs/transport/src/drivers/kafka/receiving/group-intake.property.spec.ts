import fc from 'fast-check';
import { Notices, type Delivery } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { ClientFailure, type ClientMember, type CommittedOffset, type OffsetCommit } from '../client/seam.js';
import { GroupIntake } from './group-intake.js';
import { resolveKafkaOptions } from '../options.js';

/** Runs of one test; 10,000 on demand: GROUP_INTAKE_RUNS=10000. */
const RUNS = Number(process.env['GROUP_INTAKE_RUNS'] ?? 300);
const PARTITIONS = [0, 1] as const;
const KEYS = 3;
const SESSION_MS = 6_000;

type Step =
  | { readonly kind: 'publish' | 'fetch' | 'handle' | 'fail' | 'wait' | 'other'; readonly n: number }
  | { readonly kind: 'rebalance'; readonly keeps: readonly boolean[]; readonly answers: number; readonly late: boolean }
  | { readonly kind: 'commits'; readonly fail: boolean }
  | { readonly kind: 'stop'; readonly confirmed: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('publish', 'fetch', 'handle', 'fail', 'wait', 'other'),
    n: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({
    kind: fc.constant('rebalance' as const),
    keeps: fc.tuple(fc.boolean(), fc.boolean()),
    answers: fc.integer({ min: 1, max: 3 }),
    late: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('commits' as const), fail: fc.boolean() }),
  fc.record({ kind: fc.constant('stop' as const), confirmed: fc.boolean() }),
);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A partition as the broker and the group's other members see it. */
class Log {
  end = 0;
  committed: number | undefined;
  metadata = '';
  readonly handled = new Set<number>();
  /** Where this client continues reading; undefined before the first answer. */
  position: number | undefined;
  isOurs = false;

  get firstUnhandled(): number {
    let offset = 0;
    while (this.handled.has(offset)) offset++;
    return offset;
  }
}

/** A group with one member of ours, another one that is simulated, and a broker. */
class World {
  readonly clock = new ManualClock();
  readonly logs = PARTITIONS.map(() => new Log());
  readonly inHand: Delivery[] = [];
  readonly problems: string[] = [];
  readonly #lastOfKey = new Map<string, number>();
  readonly #paused = new Set<number>();
  readonly #intake: GroupIntake;
  readonly #member: ClientMember;
  readonly #listener;
  #confirmedAtMs = 0;
  #commitsFail = false;
  /** The group continues without the member, which does not know yet. */
  #isExpelled = false;
  /** The owner of the partitions is unknown. */
  #isJoining = false;

  constructor() {
    const host = { service: 's', broker: 'default', notices: new Notices(), clock: this.clock };
    const subscription = {
      topic: 't',
      group: 'g',
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'key',
      concurrency: 16,
      maxInFlight: 32,
    } as const;
    const sink = { receive: (ds: readonly Delivery[]) => void this.inHand.push(...ds), revoked: () => this.#letGo() };
    const options = resolveKafkaOptions({
      brokers: ['h:1'],
      sessionTimeoutMs: SESSION_MS,
      maxUncommitted: 64,
      commitIntervalMs: 50,
    });
    this.#intake = new GroupIntake(host, 'g', [{ subscription, sink }], options);
    this.#member = this.#createMember();
    this.#listener = this.#intake.listen(
      () => this.#member,
      () => undefined,
    );
  }

  async take(next: Step): Promise<void> {
    switch (next.kind) {
      case 'publish':
        for (const log of this.logs) log.end += next.n;
        break;
      case 'fetch':
        for (const partition of PARTITIONS) await this.#fetch(partition, next.n);
        break;
      case 'handle':
        for (let count = 0; count < next.n; count++) this.#handleOne(count);
        break;
      case 'fail':
        for (let count = 0; count < next.n % 5; count++) this.#failOne(count, next.n);
        break;
      case 'wait':
        await this.#wait(next.n * 25);
        break;
      case 'other':
        this.#otherMemberHandles(next.n);
        break;
      case 'rebalance':
        await this.#rebalance(next.keeps, next.answers, next.late);
        break;
      case 'commits':
        this.#commitsFail = next.fail;
        break;
      case 'stop':
        await this.#stop(next.confirmed);
        break;
    }
    await turn();
    this.#letGo();
  }

  /** Everything is ours and works: all that was published has to be handled. */
  async settleDown(): Promise<void> {
    this.#commitsFail = false;
    await this.#rebalance([true, true], 1, false);
    for (let round = 0; round < 60 && this.#left > 0; round++) {
      for (const partition of PARTITIONS) await this.#fetch(partition, 100);
      for (let count = 0; count < 200; count++) this.#handleOne(0);
      await this.#wait(1_000);
    }
    if (this.#left > 0) this.problems.push(`${this.#left} messages are never handled`);
  }

  get #left(): number {
    return this.logs.reduce((sum, { end, handled }) => sum + end - handled.size, 0);
  }

  #createMember(): ClientMember {
    const confirmedAtMs = (): number => this.#confirmedAtMs;
    return {
      memberId: 'm',
      get confirmedAtMs() {
        return confirmedAtMs();
      },
      start: () => Promise.resolve(),
      pause: (_, partition) => void this.#paused.add(partition),
      resume: (_, partition) => void this.#paused.delete(partition),
      commit: (offsets) => this.#commit(offsets),
      bounds: (_, partitions) =>
        Promise.resolve(new Map(partitions.map((p) => [p, { low: 0, high: this.#log(p).end }]))),
      ends: () => Promise.resolve([]),
      offsetsAt: () => Promise.resolve(new Map()),
      countPartitions: () => Promise.resolve(PARTITIONS.length),
      committed: (_, partitions) => Promise.resolve(partitions.map((partition) => this.#committedOf(partition))),
      leave: () => Promise.resolve(),
    };
  }

  #log(partition: number): Log {
    return this.logs[partition] as Log;
  }

  #committedOf(partition: number): CommittedOffset {
    const { committed: offset, metadata } = this.#log(partition);
    return { topic: 't', partition, offset, expired: false, metadata };
  }

  #commit(offsets: readonly OffsetCommit[]): Promise<void> {
    if (this.#isExpelled)
      return Promise.reject(new ClientFailure('protocol', 'gone', { protocol: 'UNKNOWN_MEMBER_ID' }));
    if (this.#commitsFail) return Promise.reject(new ClientFailure('timeout', 'no answer'));
    for (const { partition, offset, metadata } of offsets) {
      const log = this.#log(partition);
      if (!log.isOurs) this.problems.push(`partition ${partition} is committed, but another member owns it`);
      if (offset > log.firstUnhandled) this.problems.push(`${log.firstUnhandled} is passed by the commit of ${offset}`);
      log.committed = offset;
      log.metadata = metadata;
    }
    return Promise.resolve();
  }

  async #fetch(partition: number, n: number): Promise<void> {
    const log = this.#log(partition);
    if (!log.isOurs || log.position === undefined || this.#paused.has(partition) || log.position >= log.end) return;
    const from = log.position;
    const to = Math.min(log.end, from + n);
    log.position = to;
    const records = Array.from({ length: to - from }, (_, index) => ({
      offset: String(from + index),
      key: Buffer.from(`${(from + index) % KEYS}`),
      value: null,
      timestamp: '0',
    }));
    const taken = this.#listener.fetched({ topic: 't', partition, records, nextOffset: to }, () => Promise.resolve());
    let isTaken = false;
    void taken.then(() => (isTaken = true));
    for (let count = 0; count < 20 && !isTaken; count++) await this.#wait(50);
  }

  /** Those that could run: the first of their key that has no end, as a runner would choose. */
  #runnable(): Delivery[] {
    const seen = new Set<string>();
    return this.inHand.filter((delivery) => {
      const lane = `${delivery.partition}/${delivery.key}`;
      const isFirst = !seen.has(lane);
      seen.add(lane);
      return isFirst && delivery.notBeforeMs <= this.clock.monotonicMs();
    });
  }

  #begin(choice: number): Delivery | undefined {
    const runnable = this.#runnable();
    const delivery = runnable[choice % Math.max(1, runnable.length)];
    if (delivery?.mayBegin() !== true) {
      this.#letGo();
      return undefined;
    }
    if (this.#isJoining) this.problems.push(`${delivery.offset} starts while the member joins`);
    delivery.state = 'running';
    return delivery;
  }

  #handleOne(choice: number): void {
    const delivery = this.#begin(choice);
    if (delivery === undefined) return;
    const { partition = 0, key = '' } = delivery;
    const offset = Number(delivery.offset);
    const log = this.#log(partition);
    if (!log.isOurs) this.problems.push(`${offset} is handled, but another member owns partition ${partition}`);
    const lane = `${partition}/${key}`;
    const isNew = !log.handled.has(offset);
    if (isNew && offset < (this.#lastOfKey.get(lane) ?? -1))
      this.problems.push(`${offset} comes behind its key's next`);
    if (isNew) this.#lastOfKey.set(lane, offset);
    log.handled.add(offset);
    delivery.settle({ kind: 'ack' });
    this.#letGo();
  }

  #failOne(choice: number, delay: number): void {
    const delivery = this.#begin(choice);
    if (delivery !== undefined) this.#park(delivery, delay);
  }

  #park(delivery: Delivery, delay: number): void {
    if (delivery.state !== 'running') return;
    delivery.notBeforeMs = this.clock.monotonicMs() + delay;
    delivery.park(delivery.attempt + 1, delay);
  }

  #letGo(): void {
    for (let index = this.inHand.length - 1; index >= 0; index--) {
      const { state } = this.inHand[index] as Delivery;
      if (state === 'settled' || state === 'revoked') this.inHand.splice(index, 1);
    }
  }

  async #wait(ms: number): Promise<void> {
    this.clock.advance(ms);
    // The client's heartbeat, which a stop of the process would leave out.
    this.#confirmedAtMs = this.clock.monotonicMs();
    await turn();
    await turn();
  }

  /** It continues from the committed offset, in order, and commits. */
  #otherMemberHandles(n: number): void {
    for (const [partition, log] of this.logs.entries()) {
      if (log.isOurs) continue;
      const from = log.committed ?? 0;
      const to = Math.min(log.end, from + n);
      for (let offset = from; offset < to; offset++) {
        if (!log.handled.has(offset)) this.#lastOfKey.set(`${partition}/${offset % KEYS}`, offset);
        log.handled.add(offset);
      }
      if (to > from) [log.committed, log.metadata] = [to, ''];
    }
  }

  async #rebalance(keeps: readonly boolean[], answers: number, late: boolean): Promise<void> {
    const running = [this.#begin(0), this.#begin(1)].filter((delivery) => delivery !== undefined);
    const leaving = this.#listener.beforeJoin();
    let isLeft = false;
    void leaving.then(() => (isLeft = true));
    await turn();
    for (const delivery of running) this.#park(delivery, 1);
    for (let count = 0; count < 2_000 && !isLeft; count++) await this.#wait(10);
    this.#isJoining = true;
    await this.#wait(50);
    for (let count = 0; count < 3; count++) this.#handleOne(count);
    this.#isJoining = false;
    const ours = PARTITIONS.filter((partition) => keeps[partition]);
    const before = PARTITIONS.map((partition) => this.#committedOf(partition));
    for (const partition of PARTITIONS) {
      this.#log(partition).isOurs = ours.includes(partition as never);
      this.#log(partition).position = undefined;
    }
    this.#otherMemberHandles(late ? 3 : 0);
    this.#confirmedAtMs = this.clock.monotonicMs();
    this.#isExpelled = false;
    this.#listener.joined({ t: ours });
    if (ours.length > 0) await this.#place(ours, before, answers);
  }

  /** A client with a fetcher for each broker asks for each, with offsets that were read before the first answer. */
  async #place(ours: readonly number[], committed: readonly CommittedOffset[], answers: number): Promise<void> {
    const known = committed.filter(({ partition }) => ours.includes(partition));
    for (let count = 0; count < answers; count++) {
      const positions = await this.#listener.positions(known).catch(() => undefined);
      // The client would ask again.
      if (positions === undefined) count = this.#retryPlacing();
      for (const { partition, offset } of positions ?? []) this.#log(partition).position ??= offset;
      for (const partition of ours) await this.#fetch(partition, 5);
      for (let handled = 0; handled < 5; handled++) this.#handleOne(handled);
      await this.#wait(300);
    }
  }

  #retryPlacing(): number {
    this.#commitsFail = false;
    return -1;
  }

  /** The process is suspended for longer than its session; the group has waited, or reassigned its partitions. */
  async #stop(confirmed: boolean): Promise<void> {
    this.clock.advance(SESSION_MS + 1);
    this.#isExpelled = !confirmed;
    if (!confirmed) for (const log of this.logs) log.isOurs = false;
    for (let count = 0; count < 3; count++) this.#handleOne(count);
    if (!confirmed) return this.#rebalance([true, true], 1, true);
    this.#confirmedAtMs = this.clock.monotonicMs();
    this.#listener.confirmed();
    await turn();
  }
}

describe('a group whose members, answers, commits and handlers come in any order', () => {
  it('passes no message, leaves none unhandled, and keeps the order of each key', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const world = new World();
        await world.take({ kind: 'rebalance', keeps: [true, true], answers: 1, late: false });
        await world.take({ kind: 'publish', n: 20 });
        for (const next of steps) await world.take(next);
        await world.settleDown();
        if (world.problems.length > 0) throw new Error(world.problems.slice(0, 5).join('\n'));
      }),
      { numRuns: RUNS },
    );
  }, 600_000);
});
