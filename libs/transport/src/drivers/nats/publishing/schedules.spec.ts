import type { StreamConfig } from '@nats-io/jetstream';
import { filterOf } from '../receiving/consumers.js';
import type { Link } from '../client/link.js';
import { topicProblem } from '../topology/names.js';
import type { ResolvedNatsOptions } from '../options.js';
import { keepingProblem, Schedules } from './schedules.js';
import type { Streams } from '../topology/streams.js';
import {
  isWaitingSubject,
  scheduleHeaders,
  waitingSubjectOf,
  waitingSubjectsOf,
} from '../topology/waiting-subjects.js';

const HOUR_MS = 3_600_000;
// n.b. NATS's own words and units; the client's enumerations are loaded on first use only.
const STREAM = { name: 'ORDERS', retention: 'limits', discard: 'old', max_age: 0, max_msgs: -1, max_bytes: -1 };
const problemOf = (changes: object, waitMs = HOUR_MS) =>
  keepingProblem({ ...STREAM, ...changes } as unknown as StreamConfig, waitMs);

describe('a stream for messages for later', () => {
  it('is one that deletes nothing before its time', () => {
    expect(problemOf({})).toBeUndefined();
    expect(problemOf({ max_age: (HOUR_MS + 1) * 1e6 })).toBeUndefined();
    expect(problemOf({ max_msgs_per_subject: 1 })).toBeUndefined();
  });

  it.each([
    [{ retention: 'workqueue' }, 'retention "workqueue"'],
    [{ retention: 'interest' }, 'retention "interest"'],
    [{ discard: 'new' }, 'discard "new"'],
    [{ max_msgs: 10 }, 'at most 10 messages (max_msgs)'],
    [{ max_bytes: 4_096 }, 'at most 4096 bytes (max_bytes)'],
    [{ max_age: HOUR_MS * 1e6 }, 'deletes messages after 3600000 ms (max_age), and this one would wait for 3600000 ms'],
  ])('is not one with %j', (changes, words) => {
    expect(problemOf(changes)).toContain(words);
  });
});

describe('the subject where a message waits', () => {
  const subject = waitingSubjectOf('ORDERS', 'orders/m-1');

  it('is its own, and the same whenever it is published again', () => {
    expect(subject).toMatch(/^_delayed\.ORDERS\.[0-9a-f]{32}$/);
    expect(waitingSubjectOf('ORDERS', 'orders/m-1')).toBe(subject);
    expect(waitingSubjectOf('ORDERS', 'orders/m-2')).not.toBe(subject);
    expect(isWaitingSubject(subject)).toBe(true);
    expect(isWaitingSubject('_delayedly')).toBe(false);
  });

  it('is no topic, and no subscription asks for it', () => {
    expect(topicProblem(subject)).toContain('messages for later');
    expect(topicProblem('_delayed')).toContain('messages for later');
    const subjects = ['orders', 'paid', waitingSubjectsOf('ORDERS')];
    expect(filterOf('>', subjects)).toEqual(['orders', 'paid']);
    expect(filterOf('*.*.*', subjects)).not.toContain(waitingSubjectsOf('ORDERS'));
  });

  it('has the moment to the millisecond, and the topic', () => {
    expect(scheduleHeaders('orders', Date.UTC(2027, 0, 1, 0, 0, 0, 7))).toEqual([
      ['Nats-Schedule', '@at 2027-01-01T00:00:00.007Z'],
      ['Nats-Schedule-Target', 'orders'],
    ]);
  });
});

describe('a server before 2.12', () => {
  /** n.b. it takes a setting that it does not know, and leaves it out of what it answers. */
  const link = {
    listen: () => () => undefined,
    ask: () => Promise.resolve({ config: STREAM }),
    serverVersion: '2.11.9',
    addresses: 'nats:4222',
  } as unknown as Link;
  const streams = { holding: () => Promise.resolve(['ORDERS']), keepingOf: () => Promise.resolve([STREAM]) };

  it.each([[{}], [false]])('is found out with provision %j, and said to be too old', async (provision) => {
    const options = { provision } as ResolvedNatsOptions;
    const asked = new Schedules(link, streams as unknown as Streams, options).streamFor('orders', 1_000);
    await expect(asked).rejects.toMatchObject({
      code: 'TRANSPORT_CAPABILITY_UNSUPPORTED',
      stored: 'no',
      message: expect.stringContaining('needs nats-server 2.12, and nats:4222 runs 2.11.9. Upgrade it'),
    });
  });
});
