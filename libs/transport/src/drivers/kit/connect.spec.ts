import { TransportError } from '../../contract/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { connectWithBackoff } from './connect.js';

const refused = (retryable: boolean): TransportError =>
  new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'refused.', { retryable });

function setUp(attempt: () => Promise<void>, clock = new ManualClock()) {
  const ending = new AbortController();
  const failures: TransportError[] = [];
  const connected = connectWithBackoff({
    clock,
    ended: ending.signal,
    attempt,
    unreachable: (error) => void failures.push(error),
    endedError: () => new TransportError('TRANSPORT_CLOSED', 'the wait was ended.'),
  });
  return { ending, failures, connected };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('connecting waits 0.2 s after a failure, then twice as long, up to 3 s', async () => {
  const attempts: number[] = [];
  const clock = new ManualClock();
  const { ending, connected } = setUp(async () => {
    attempts.push(clock.now());
    throw refused(true);
  }, clock);
  for (let count = 0; count < 7; count++) {
    await turn();
    clock.advanceToNext();
  }
  ending.abort();
  await expect(connected).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
  const waits = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
  expect(waits).toEqual([200, 400, 800, 1_600, 3_000, 3_000, 3_000].slice(0, waits.length));
  expect(waits.length).toBeGreaterThan(5);
  expect(clock.pending).toBe(0);
});

it('connecting stops at a failure that no other attempt can change', async () => {
  const { connected, failures } = setUp(() => Promise.reject(refused(false)));
  await expect(connected).rejects.toMatchObject({ code: 'TRANSPORT_BROKER_UNREACHABLE' });
  expect(failures).toEqual([]);
});

it('connecting that was aborted reports that, whatever the attempt fails with afterwards', async () => {
  let fail = (_: Error): void => undefined;
  const { connected, ending } = setUp(() => new Promise((_, reject) => (fail = reject)));
  ending.abort();
  fail(refused(false));
  await expect(connected).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
});
