import { ManualClock } from '../../testing/manual-clock.js';
import { WIRE_HEADERS, type Delivery } from '../../contract/index.js';
import { answering } from './request-handler.js';

describe('a request', () => {
  const clock = new ManualClock();

  function request(ageMs: number | undefined, timeoutMs: number | undefined): Delivery {
    const { signal } = new AbortController();
    const headers: Record<string, string> =
      timeoutMs === undefined ? {} : { [WIRE_HEADERS.replyTimeout]: `${timeoutMs}` };
    const publishedAt = ageMs === undefined ? undefined : new Date(clock.now() - ageMs);
    const header = (name: string): string | undefined => headers[name];
    return {
      id: '1',
      topic: 'stock',
      publishedAt,
      header,
      signal,
      requestReceivedAtMs: clock.monotonicMs(),
      abort: () => undefined,
    } as never;
  }

  it.each([
    ['came long after its requester stopped waiting', 70_001, 10_000, 0],
    ['may still be waited for by a clock that differs', 69_999, 10_000, 1],
    ['is old, and says nothing about how long it is waited for', 1e9, undefined, 1],
    ['has no time of publishing', undefined, 10_000, 1],
  ])('that %s', async (_what, ageMs, timeoutMs, calls) => {
    let called = 0;
    let answers = 0;
    const handle = answering(() => Promise.resolve(++called), {
      codec: { contentType: 'x', encode: () => Buffer.alloc(0), decode: () => undefined },
      schema: undefined,
      answerTo: () => () => Promise.resolve(void answers++),
      clock,
      streamTimeoutMs: 1_000,
      report: () => undefined,
    });
    await handle({}, request(ageMs, timeoutMs) as never);
    expect({ called, answers }).toEqual({ called: calls, answers: calls });
  });
});
