import {
  Notices,
  TransportError,
  type ErrorCode,
  type OutgoingMessage,
  type SendResult,
} from '../../contract/index.js';
import { ManualClock } from '../../testing/manual-clock.js';
import { PublishTroubles } from './publish-troubles.js';

function setUp() {
  const clock = new ManualClock();
  const notices = new Notices();
  const warned: string[] = [];
  notices.on('broker:warned', ({ warning }) => warned.push(warning));
  const troubles = new PublishTroubles({ clock, notices, broker: 'default' });
  const send = (topic: string, partition: number, result: SendResult): void => {
    const message = { topic, id: 'm' } as OutgoingMessage;
    const record = { key: null, value: null, headers: undefined, partition };
    troubles.note([{ index: 0, message, record }], [result]);
  };
  return { clock, warned, troubles, send };
}

const stored = { id: 'm', topic: 't', partition: 0, offset: '1' };
const refusal = (code: ErrorCode, retryable: boolean): TransportError =>
  new TransportError(code, `${code} for "t".`, { retryable, stored: 'no' });

describe('what the brokers refuse for a topic', () => {
  it('is a problem and warned of once when it will not pass, until a message of the same partition is stored', () => {
    const { warned, troubles, send } = setUp();
    const forbidden = refusal('TRANSPORT_AUTHORIZATION_FAILED', false);
    for (const partition of [0, 1, 0]) send('t', partition, forbidden);
    expect([troubles.problems, warned]).toEqual([[forbidden.message], [forbidden.message]]);
    send('t', 0, stored);
    expect(troubles.problems).toEqual([forbidden.message]);
    send('t', 1, stored);
    expect(troubles.problems).toEqual([]);
    send('t', 1, forbidden);
    expect(warned).toHaveLength(2);
  });

  it('is a problem after 4 seconds when it may pass, and forgotten 10 seconds after the last time: the broker is back', () => {
    const { clock, warned, troubles, send } = setUp();
    const few = refusal('TRANSPORT_PUBLISH_FAILED', true);
    send('t', 0, few);
    clock.advance(3_900);
    send('t', 0, few);
    expect([troubles.problems, warned]).toEqual([[], []]);
    clock.advance(200);
    send('t', 0, few);
    expect([troubles.problems, warned]).toEqual([[few.message], [few.message]]);
    clock.advance(10_001);
    expect(troubles.problems).toEqual([]);
  });

  it('is forgotten a minute after the last time when it will not pass', () => {
    const { clock, troubles, send } = setUp();
    send('t', 0, refusal('TRANSPORT_AUTHORIZATION_FAILED', false));
    clock.advance(59_000);
    expect(troubles.problems).toHaveLength(1);
    clock.advance(1_001);
    expect(troubles.problems).toEqual([]);
  });

  it('is none when it is about the message alone', () => {
    const { warned, troubles, send } = setUp();
    send('t', 0, refusal('TRANSPORT_PUBLISH_FAILED', false));
    send('t', 0, refusal('TRANSPORT_PARTITION_MISSING', false));
    expect([troubles.problems, warned]).toEqual([[], []]);
  });
});

it('a request without an answer is a problem after 5 seconds, until it ends', () => {
  const { clock, troubles } = setUp();
  const end = troubles.started(new Set(['t']));
  clock.advance(4_900);
  expect(troubles.problems).toEqual([]);
  clock.advance(200);
  expect(troubles.problems).toEqual(['Messages for "t" have waited 5 s for the answer of a broker.']);
  end();
  expect(troubles.problems).toEqual([]);
});
