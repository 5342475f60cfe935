import { Notices, TransportError, type ErrorCode, type SendResult } from '../contract/index.js';
import { ManualClock } from '../testing/manual-clock.js';
import { PublishTroubles } from './publish-troubles.js';

function setUp(advice?: string) {
  const clock = new ManualClock();
  const notices = new Notices();
  const warned: string[] = [];
  notices.on('broker:warned', ({ warning }) => warned.push(warning));
  const driver = { explains: false };
  const host = { clock, notices, broker: 'default' };
  const troubles = new PublishTroubles({ host, isExplained: () => driver.explains, advice });
  const note = (...results: SendResult[]): void => troubles.note('t', results);
  return { clock, warned, driver, troubles, note };
}

const storedIn = (partition?: number): SendResult => ({ id: 'm', topic: 't', partition, offset: '1' });
const refusal = (code: ErrorCode, retryable: boolean, partition?: number): TransportError =>
  new TransportError(code, `${code} for "t".`, { retryable, stored: 'no', partition });
const forbidden = (partition?: number): TransportError => refusal('TRANSPORT_AUTHORIZATION_FAILED', false, partition);

describe('what a broker rejects for a topic', () => {
  it('is a problem and warned about once if it will not pass, until a message of the topic is stored', () => {
    const { warned, troubles, note } = setUp();
    const error = forbidden();
    note(error, error);
    note(error);
    expect([troubles.problems, warned]).toEqual([[error.message], [error.message]]);
    note(storedIn());
    expect(troubles.problems).toEqual([]);
    note(error);
    expect(warned).toHaveLength(2);
  });

  it('is not a problem for a reply whose requester is gone', () => {
    const { clock, warned, troubles } = setUp();
    const gone = refusal('TRANSPORT_TOPIC_MISSING', true);
    troubles.note('shop.17.reply', [gone]);
    clock.advance(5_000);
    troubles.note('shop.17.reply', [gone]);
    expect([troubles.problems, warned]).toEqual([[], []]);
  });

  it('is one sentence for all partitions, and over when each rejected partition stores again', () => {
    const { warned, troubles, note } = setUp();
    note(forbidden(0), forbidden(1));
    expect([troubles.problems.length, warned.length]).toEqual([1, 1]);
    note(storedIn(2), storedIn(0));
    expect(troubles.problems).toHaveLength(1);
    note(storedIn(1));
    expect(troubles.problems).toEqual([]);
  });

  it('is over with a message of any partition if the partition was not known before', () => {
    const { troubles, note } = setUp();
    note(refusal('TRANSPORT_TOPIC_MISSING', false));
    note(storedIn(3));
    expect(troubles.problems).toEqual([]);
  });

  it('is a problem after 4 seconds if it may pass, and named until 10 seconds after the last time', () => {
    const { clock, warned, troubles, note } = setUp();
    const few = refusal('TRANSPORT_PUBLISH_FAILED', true);
    note(few);
    clock.advance(3_900);
    note(few);
    expect([troubles.problems, warned]).toEqual([[], []]);
    clock.advance(200);
    note(few);
    expect([troubles.problems, warned]).toEqual([[few.message], [few.message]]);
    clock.advance(10_001);
    expect(troubles.problems).toEqual([]);
    note(few);
    expect([troubles.problems.length, warned.length]).toEqual([1, 1]);
  });

  it('is not a problem if it may pass and a message is stored in between', () => {
    const { clock, troubles, note } = setUp();
    const few = refusal('TRANSPORT_PUBLISH_FAILED', true);
    for (const result of [few, storedIn(), few]) {
      note(result);
      clock.advance(3_000);
    }
    expect(troubles.problems).toEqual([]);
  });

  it('is forgotten a minute after the last time if it will not pass, and warned about again', () => {
    const { clock, warned, troubles, note } = setUp();
    note(forbidden());
    clock.advance(59_000);
    expect(troubles.problems).toHaveLength(1);
    clock.advance(1_001);
    note(forbidden());
    expect(warned).toHaveLength(2);
    clock.advance(60_001);
    expect(troubles.problems).toEqual([]);
  });

  it('is not a problem if it concerns one message, but is if all messages of 4 seconds are rejected', () => {
    const { clock, warned, troubles, note } = setUp();
    const large = refusal('TRANSPORT_MESSAGE_TOO_LARGE', false);
    note(refusal('TRANSPORT_PARTITION_MISSING', false), refusal('TRANSPORT_CLOSED', false), large);
    expect([troubles.problems, warned]).toEqual([[], []]);
    clock.advance(4_000);
    note(refusal('TRANSPORT_PARTITION_MISSING', false));
    expect(troubles.problems).toEqual([]);
    note(large);
    expect([troubles.problems, warned]).toEqual([[large.message], [large.message]]);
  });

  it('is left to the driver while it reports why nothing is stored, if it may pass, and counted again after that', () => {
    const { clock, driver, troubles, note } = setUp();
    const away = refusal('TRANSPORT_BROKER_UNREACHABLE', true);
    note(away);
    driver.explains = true;
    clock.advance(5_000);
    note(away);
    driver.explains = false;
    note(away);
    expect(troubles.problems).toEqual([]);
    driver.explains = true;
    note(forbidden());
    expect(troubles.problems).toHaveLength(1);
  });

  it('uses limited memory: 1,000 topics, and 1,000 partitions of each', () => {
    const { troubles } = setUp();
    for (let n = 0; n < 1_200; n++) {
      troubles.note(`t-${n}`, [forbidden()]);
      troubles.note('t-1199', [forbidden(n)]);
    }
    expect(troubles.problems).toHaveLength(1_000);
  });
});

describe('messages without a confirmation', () => {
  it('are a problem with the advice of the driver, warned about once, until they have one', () => {
    const { clock, warned, troubles } = setUp('Look at the queue.');
    clock.advance(5_000);
    troubles.unanswered('t', clock.monotonicMs() - 5_000);
    clock.advance(2_000);
    const [sentence] = troubles.problems;
    expect(sentence).toBe('Messages for "t" have waited 7 s for the broker\'s confirmation. Look at the queue.');
    troubles.unanswered('t', clock.monotonicMs() - 7_000);
    expect(warned).toHaveLength(1);
    troubles.answered('t');
    expect(troubles.problems).toEqual([]);
  });

  it('that end rejected are not warned about again', () => {
    const { clock, warned, troubles, note } = setUp();
    const unknown = refusal('TRANSPORT_PUBLISH_UNKNOWN', true);
    troubles.unanswered('t', clock.monotonicMs() - 5_000);
    note(unknown);
    troubles.answered('t');
    expect([troubles.problems, warned.length]).toEqual([[unknown.message], 1]);
    troubles.unanswered('t', clock.monotonicMs() - 5_000);
    expect(warned).toHaveLength(1);
    note(storedIn());
    troubles.answered('t');
    expect(troubles.problems).toEqual([]);
  });
});

it('a driver that rejects its sends is a problem once that lasts', () => {
  const { clock, troubles } = setUp();
  troubles.failed('t', new Error('bug'));
  clock.advance(4_000);
  troubles.failed('t', new Error('bug'));
  expect(troubles.problems).toEqual([expect.stringContaining('"t": bug')]);
});
