import { TransportError, type OutgoingMessage, type SendResult } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { SendRun, type Entry } from './send-run.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const messageOf = (partition: number, name: string): OutgoingMessage => ({
  ...{ topic: 't', id: `${partition}${name}`, key: undefined, body: Buffer.from('x'), headers: {}, partition },
});

const entryOf = (message: OutgoingMessage, index: number): Entry => ({
  ...{ index, message, record: { key: null, value: null, headers: undefined, partition: message.partition } },
});

/** A run over brokers that respond when the test resolves them. Broker n leads partition n by default. */
function setUp(first: readonly OutgoingMessage[], maxRequestBytes = 1_000_000) {
  const clock = new ManualClock();
  const leaders = new Map<number, number>();
  const requests: { readonly ids: string; readonly answer: (result?: TransportError) => Promise<void> }[] = [];
  const next: OutgoingMessage[] = [];
  const stored: number[] = [];
  const late: boolean[] = [];
  const results: SendResult[] = new Array<SendResult>(first.length);
  const steps = {
    clock,
    maxRequestBytes,
    entryOf,
    leaderOf: ({ message: { partition = 0 } }: Entry) => leaders.get(partition) ?? partition,
    request: (entries: readonly Entry[], into: SendResult[]) =>
      new Promise<void>((resolve) => {
        const answer = (result?: TransportError): Promise<void> => {
          for (const { index, message } of entries) {
            into[index] = result ?? { id: message.id, topic: 't', partition: message.partition, offset: '0' };
          }
          resolve();
          return turn();
        };
        requests.push({ ids: entries.map(({ message }) => message.id).join(' '), answer });
      }),
  };
  const window = {
    stored: (index: number) => void stored.push(index),
    next: (limit: number, isLate = false) => (late.push(isLate), next.splice(0, limit)),
  };
  const run = new SendRun(steps, results, window).run(first.map(entryOf));
  const sent = (): string[] => requests.map(({ ids }) => ids);
  return { clock, leaders, requests, next, stored, late, results, run, sent };
}

describe('one call to several leaders', () => {
  it('reports what one leader has stored, and sends more to it, while another does not answer', async () => {
    const { clock, requests, next, stored, late, results, run, sent } = setUp([messageOf(1, 'a'), messageOf(2, 'a')]);
    expect(sent()).toEqual(['1a', '2a']);
    next.push(messageOf(2, 'b'), messageOf(1, 'b'), messageOf(2, 'c'));
    clock.advance(2_000);
    await requests[1]?.answer();
    expect([stored, late, sent()]).toEqual([[1], [true], ['1a', '2a', '2b 2c']]);
    await requests[2]?.answer();
    expect(sent()).toHaveLength(3);
    await requests[0]?.answer();
    expect(sent().slice(3)).toEqual(['1b']);
    await requests[3]?.answer();
    await run;
    expect(results.map((result) => (result as { id: string }).id)).toEqual(['1a', '2a', '2b', '1b', '2c']);
  });

  it('has one request at a time for a partition, although its leader has changed', async () => {
    const { leaders, requests, next, sent } = setUp([messageOf(1, 'a'), messageOf(2, 'a')]);
    next.push(messageOf(1, 'b'));
    leaders.set(1, 2);
    await requests[1]?.answer();
    expect(sent()).toEqual(['1a', '2a']);
    await requests[0]?.answer();
    expect(sent().slice(2)).toEqual(['1b']);
  });

  it('does not send messages behind one that will be retried, and requests no more', async () => {
    const { requests, next, results, run, sent } = setUp([messageOf(1, 'a'), messageOf(2, 'a'), messageOf(3, 'a')]);
    next.push(messageOf(1, 'b'), messageOf(2, 'b'));
    await requests[2]?.answer();
    const refused = new TransportError('TRANSPORT_PUBLISH_FAILED', 'no leader', { stored: 'no', retryable: true });
    next.push(messageOf(2, 'c'));
    await requests[0]?.answer(refused);
    await requests[1]?.answer();
    await requests[3]?.answer();
    await run;
    expect(sent()).toEqual(['1a', '2a', '3a', '2b']);
    expect([results[0], results[3]]).toEqual([refused, refused]);
    expect(next.map(({ id }) => id)).toEqual(['2c']);
  });

  it('sends what waits behind a message whose outcome is unknown', async () => {
    const { requests, next, run, sent } = setUp([messageOf(1, 'a'), messageOf(2, 'a')]);
    next.push(messageOf(1, 'b'));
    await requests[1]?.answer();
    await requests[0]?.answer(new TransportError('TRANSPORT_PUBLISH_UNKNOWN', 'lost', { stored: 'unknown' }));
    expect(sent()).toEqual(['1a', '2a', '1b']);
    await requests[2]?.answer();
    await run;
  });

  it('keeps each request within the size limit of the broker', async () => {
    const { requests, next, sent } = setUp([messageOf(1, 'a'), messageOf(2, 'a')], 2);
    next.push(messageOf(2, 'b'), messageOf(2, 'c'), messageOf(2, 'd'));
    await requests[1]?.answer();
    await requests[2]?.answer();
    expect(sent()).toEqual(['1a', '2a', '2b 2c', '2d']);
  });
});
