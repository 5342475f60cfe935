import { Delivery, RETRY_HEADERS, WIRE_HEADERS, type Headers, type Settlement } from '../../contract/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { RetriedDelivery } from './retried-delivery.js';
import { RetryIntake } from './retry-intake.js';
import { retryCopyOf, retryNoteOf, retryTopicOf } from './retry-topics.js';

class Stored extends Delivery {
  settlement: Settlement | undefined;
  readonly parked: [attempt: number, delayMs: number][] = [];
  readonly publishedAt = new Date(Date.UTC(2026, 0, 1));
  readonly raw = 'the record';

  constructor(
    topic: string,
    readonly offset: string,
    readonly headers: Headers = {},
    body: Buffer | null = Buffer.from('{}'),
  ) {
    super(topic, 'payments', 'a', body, 1, 2);
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.parked.push([nextAttempt, delayMs]);
  }

  protected settled(settlement: Settlement): void {
    this.settlement = settlement;
  }
}

const AT = Date.UTC(2026, 0, 1);
const OF = { topic: 'paid', group: 'payments', waitMs: 60_000, attempts: 3 };
const copyOf = (original: Delivery, dueAtMs = AT + 60_000) =>
  retryCopyOf(original, 'paid.payments.retry-1', { dueAtMs, firstFailedAtMs: AT - 5 });
const stored = (headers: Headers | undefined, offset = '0') => new Stored('paid.payments.retry-1', offset, headers);

describe('a retry topic', () => {
  test('is named by topic, group and tier', () => {
    expect(retryTopicOf('paid', 'payments', 2)).toBe('paid.payments.retry-2');
  });

  test('keeps id, key, body and headers of the original, its place, and when it is due', () => {
    const original = new Stored('paid', '17', { tenant: 'acme', 'message-id': 'm-1' });
    original.attempt = 3;
    const { headers, ...message } = copyOf(original, AT + 60_000.2);
    expect(message).toEqual({
      ...{ topic: 'paid.payments.retry-1', id: 'm-1', key: 'a', body: original.body },
      ...{ partition: undefined, isRepeated: true },
    });
    expect(headers).toEqual({
      tenant: 'acme',
      'message-id': 'm-1',
      'redeliver-id': 'm-1',
      'redeliver-due-at': '2026-01-01T00:01:00.001Z',
      'redeliver-attempts': '3',
      'redeliver-group': 'payments',
      'redeliver-topic': 'paid',
      'redeliver-partition': '2',
      'redeliver-offset': '17',
      'redeliver-published-at': '2026-01-01T00:00:00.000Z',
      'redeliver-first-failed-at': '2025-12-31T23:59:59.995Z',
    });
  });

  test('takes no word of a foreign message for its own, and gives it no message-id that it had not', () => {
    const forged = new Stored('paid', '17', { [RETRY_HEADERS.dueAt]: '2099-01-01', [RETRY_HEADERS.group]: 'x' });
    const { headers, id } = copyOf(forged);
    expect(id).toBe('paid/2/17');
    expect(headers).toMatchObject({ 'redeliver-due-at': '2026-01-01T00:01:00.000Z', 'redeliver-group': 'payments' });
    expect(headers).not.toHaveProperty([WIRE_HEADERS.id]);
  });

  test.each([
    [{}, {}],
    [{ 'redeliver-due-at': 'soon', 'redeliver-attempts': '-1', 'redeliver-partition': '1e3' }, {}],
    [
      { 'redeliver-attempts': '4', 'redeliver-due-at': '2026-01-01T00:00:00.000Z' },
      { attempts: 4, dueAtMs: AT },
    ],
  ])('is read without trust: %j', (headers, expected) => {
    const known = Object.entries(retryNoteOf(stored(headers))).filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(known)).toEqual(expected);
  });
});

describe('a message of a retry topic', () => {
  const original = new Stored('paid', '17', { tenant: 'acme' });
  original.attempt = 3;
  const retried = (inner: Delivery) => new RetriedDelivery(inner, retryNoteOf(inner), OF);

  test('looks as if it came from the topic of its original, with the next attempt', () => {
    const delivery = retried(stored(copyOf(original).headers));
    expect(delivery).toMatchObject({
      topic: 'paid',
      partition: 2,
      offset: '17',
      attempt: 4,
      key: 'a',
      group: 'payments',
    });
    expect(delivery).toMatchObject({ id: 'paid/2/17', type: 'paid', raw: 'the record', headers: { tenant: 'acme' } });
    expect(delivery.header(RETRY_HEADERS.dueAt)).toBeUndefined();
    expect(delivery.header('tenant')).toBe('acme');
  });

  test('goes on with the attempt that the broker remembers where that is later', () => {
    const inner = stored(copyOf(original).headers);
    inner.attempt = 6;
    expect(retried(inner).attempt).toBe(6);
  });

  test('without a word of its own is one of this subscription, at the begin of the tier', () => {
    expect(retried(stored({}))).toMatchObject({ topic: 'paid', attempt: 4, id: 'paid.payments.retry-1/2/0' });
  });

  test('has one life with the record that waits', () => {
    const inner = stored({});
    const delivery = retried(inner);
    delivery.state = 'running';
    expect(inner.state).toBe('running');
    delivery.park(5, 200);
    expect([inner.state, inner.parked, delivery.attempt]).toEqual(['parked', [[5, 200]], 5]);
    const { signal } = delivery;
    inner.revoke();
    expect([delivery.state, signal.aborted, delivery.settle({ kind: 'ack' })]).toEqual(['revoked', true, false]);
    const other = stored({});
    expect(retried(other).settle({ kind: 'ack' })).toBe(true);
    expect(other.settlement).toEqual({ kind: 'ack' });
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the reader of a retry topic', () => {
  function setUp() {
    const clock = new ManualClock(AT);
    const passed: Delivery[] = [];
    let revocations = 0;
    const runner = {
      receive: (deliveries: readonly Delivery[]) => void passed.push(...deliveries),
      revoked: () => void revocations++,
    };
    const intake = new RetryIntake(OF, runner, clock);
    return { clock, passed, intake, revocations: () => revocations, offsets: () => passed.map(({ offset }) => offset) };
  }
  const waiting = (offset: string, leftMs: number): Stored =>
    stored(copyOf(new Stored('paid', offset), AT + leftMs).headers, offset);
  /** Receives, and tells when the driver may hand over more. */
  function receive(intake: RetryIntake, deliveries: readonly Delivery[]) {
    const taken = { wantsMore: false };
    void Promise.resolve(intake.receive(deliveries)).then(() => (taken.wantsMore = true));
    return taken;
  }

  test('parks what waits, passes it on when it is due and not before, and takes no more meanwhile', async () => {
    const { clock, intake, offsets } = setUp();
    const [first, second, third] = [waiting('1', 0), waiting('2', 40_000), waiting('3', 50_000)];
    const taken = receive(intake, [first, second, third]);
    await turn();
    expect(offsets()).toEqual(['1']);
    expect([second.parked, third.state]).toEqual([[[2, 40_000]], 'parked']);
    clock.advance(39_999);
    await turn();
    expect(offsets()).toEqual(['1']);
    clock.advance(1);
    await turn();
    expect(offsets()).toEqual(['1', '2']);
    expect(taken.wantsMore).toBe(false);
    clock.advance(10_000);
    await turn();
    expect(offsets()).toEqual(['1', '2', '3']);
    expect(taken.wantsMore).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('lets one that asked for more than the wait of the topic hold up nobody: the runner keeps it until it is due', async () => {
    const { clock, intake, passed, offsets } = setUp();
    receive(intake, [waiting('1', 3_600_000), waiting('2', 0)]);
    await turn();
    expect(offsets()).toEqual(['1', '2']);
    expect(passed[0]?.notBeforeMs).toBe(clock.monotonicMs() + 3_600_000);
  });

  test('lets go of what was taken back, and tells the runner', async () => {
    const { clock, intake, passed, revocations } = setUp();
    const inner = waiting('1', 40_000);
    const taken = receive(intake, [inner]);
    await turn();
    inner.revoke();
    intake.revoked();
    await turn();
    expect([taken.wantsMore, passed.length, revocations(), clock.pending]).toEqual([true, 0, 1, 0]);
  });

  test('passes nothing on after its end, and settles nothing', async () => {
    const { clock, intake, passed } = setUp();
    const inner = waiting('1', 40_000);
    const taken = receive(intake, [inner]);
    await turn();
    intake.end();
    await turn();
    expect([taken.wantsMore, passed.length, clock.pending, inner.settlement]).toEqual([true, 0, 0, undefined]);
    expect(receive(intake, [waiting('2', 0)])).toBeDefined();
    await turn();
    expect(passed).toEqual([]);
  });

  test('settles what waits for another group of which the topic has the same name', async () => {
    const { intake, passed } = setUp();
    const other = stored({ ...copyOf(new Stored('paid', '1'), AT).headers, [RETRY_HEADERS.group]: 'x.payments' });
    receive(intake, [other]);
    await turn();
    expect([passed.length, other.settlement]).toEqual([0, { kind: 'ack' }]);
  });
});
