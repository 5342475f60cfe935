import { BadRequestException } from '@nestjs/common';
import { Notices, TransportError, type NoticeMap, type NoticeName } from '../../contract/index.js';
import { logNotices } from './notice-log.js';
import { createLog, type TransportLog } from './transport-log.js';

const error = new TransportError('TRANSPORT_BROKER_UNREACHABLE', 'nobody answered');
const of = { broker: 'main', topic: 'orders', group: 'stock' };
const message = { ...of, id: 'id-1', key: 'private@example.org', attempt: 2 };

const trap = (): never => {
  throw new Error('trap');
};

/** One of each; the compiler asks for what is missing. */
const EVERY: NoticeMap = {
  'broker:connected': of,
  'broker:unreachable': { ...of, error },
  'broker:warned': { broker: 'main', warning: 'the server refuses to let this user subscribe' },
  'subscription:started': of,
  'subscription:crashed': { ...of, error, restartInMs: 5 },
  'subscription:recovered': of,
  'partition:stalled': { ...of, partition: 3, unsettledOffset: '7', reason: 'too much is done behind it' },
  'partition:unstalled': { ...of, partition: 3 },
  'subscription:starved': { ...of, waiting: 12 },
  'subscription:receiving': of,
  'subscription:paused': { ...of, reason: 'the supplier is away' },
  'subscription:resumed': of,
  'subscription:warned': { ...of, warning: 'it has no key' },
  'guarantee:lowered': {
    broker: 'main',
    topics: ['orders', 'prices'],
    reason: { code: 'one-copy', effect: 'may-lose', why: 'one server alone keeps it', remedy: 'Keep it on three.' },
  },
  'partition:assigned': { ...of, partition: 3 },
  'partition:revoked': { ...of, partition: 3, unsettled: 4 },
  'commit:failed': { ...of, error },
  'message:acked': message,
  'message:retry-scheduled': { ...message, delayMs: 200, error: new TypeError('no database') },
  'message:timed-out': { ...message, timeoutMs: 500 },
  'message:dropped': { ...message, reason: 'not ours' },
  'message:dead-lettered': { ...message, deadLetterTopic: 'orders.stock.dead-letter', error: { secret: 'payload' } },
  'message:dead-letter-failed': { ...message, deadLetterTopic: 'orders.stock.dead-letter', error },
  'settlement:ignored': { ...message, settlement: 'ack' },
  'settlement:failed': { ...message, settlement: 'ack', error },
  'publish:failed': { broker: 'main', topic: 'orders', messages: 2, error },
  'drain:started': { broker: 'main', inFlight: 3, timeoutMs: 100 },
  'drain:finished': { broker: 'main', unsettled: 1, durationMs: 100 },
};

/** What is written for one notice: `level line`. */
function written<Name extends NoticeName>(name: Name, notice: NoticeMap[Name]): readonly string[] {
  const lines: string[] = [];
  const write = (level: string) => (line: string, stack?: string) =>
    void lines.push(`${level} ${line}${stack === undefined ? '' : ' +stack'}`);
  const log: TransportLog = { log: write('log'), warn: write('warn'), error: write('error'), debug: write('debug') };
  const notices = new Notices();
  logNotices(notices, log);
  notices.emit(name, notice);
  return lines;
}

const aTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test.each(Object.keys(EVERY) as NoticeName[])('%s has one line, with what is needed to find it', async (name) => {
  const lines = written(name, EVERY[name]);
  await aTurn();
  if (name === 'message:acked' || name === 'subscription:started') return expect(lines).toEqual([]);
  expect(lines).toHaveLength(1);
  const [line] = lines;
  expect(line).not.toContain('private@example.org');
  expect(line).not.toContain('secret');
  expect(line).not.toContain('undefined');
  if (name.startsWith('message:')) expect(line).toContain('topic=orders group=stock broker=main id=id-1 attempt=2');
  if (name.startsWith('subscription:')) expect(line).toContain('topic=orders group=stock broker=main');
});

test.each([
  ['a Proxy', new Proxy({}, { get: trap, getPrototypeOf: trap })],
  ['an error whose message throws', Object.defineProperty(new Error('x'), 'message', { get: trap })],
  ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: trap })],
])('a line is written whatever was thrown: %s', (_, thrown) => {
  expect(written('message:retry-scheduled', { ...message, delayMs: 1, error: thrown })).toHaveLength(1);
  expect(written('message:dead-lettered', { ...message, deadLetterTopic: 'd', error: thrown })).toHaveLength(1);
});

test('a line says why a message failed: the reasons of a pipe and the chain of causes', () => {
  const bad = new BadRequestException(['n must be an integer']);
  const [line] = written('message:retry-scheduled', {
    ...message,
    delayMs: 1,
    error: new Error('not saved', { cause: bad }),
  });
  expect(line).toContain(
    'Error: not saved; caused by BadRequestException: Bad Request Exception: n must be an integer.',
  );
});

test('what is foreign in a line starts no other line and steers no terminal', () => {
  const lines: unknown[] = [];
  const write = (...parts: unknown[]) => void lines.push(...parts);
  const notices = new Notices();
  logNotices(notices, createLog({ log: write, warn: write, error: write }));
  const error = new Error('bad\n[Nest] forged \u001b[31m');
  notices.emit('message:dead-lettered', { ...message, id: 'a\nb\u001b[2J', deadLetterTopic: 'd', error });
  const [line, stack] = lines as [string, string];
  expect(line).toMatch(/Error: bad\\n\[Nest\] forged \\x1b\[31m\. .* id=a\\nb\\x1b\[2J attempt=2$/);
  expect(
    stack
      .split('\n')
      .slice(1)
      .every((place) => /^\s+at /.test(place)),
  ).toBe(true);
});

test('nobody pays for a line per handled message', () => {
  const notices = new Notices();
  logNotices(notices, { log: () => {}, warn: () => {}, error: () => {}, debug: () => {} });
  expect(notices.heard('message:acked')).toBe(false);
});

test('the stack of what a handler threw is written when its message is given up', () => {
  const given = { ...message, deadLetterTopic: 'd', error: new TypeError('mine') };
  expect(written('message:dead-lettered', given)[0]).toMatch(/TypeError: mine\. .*\+stack$/);
  expect(written('message:dead-lettered', { ...given, error })[0]).not.toContain('+stack');
});

/** Everything that is written for notices that are emitted one after the other. */
async function writtenInOneTurn(emit: (notices: Notices) => void): Promise<readonly string[]> {
  const lines: string[] = [];
  const write = (level: string) => (line: string) => void lines.push(`${level} ${line}`);
  const notices = new Notices();
  logNotices(notices, { log: write('log'), warn: write('warn'), error: write('error'), debug: write('debug') });
  emit(notices);
  await aTurn();
  return lines;
}

test('partitions that are assigned or revoked at once are one line for each group', async () => {
  const lines = await writtenInOneTurn((notices) => {
    for (const partition of [3, 0, 1, 2, 7]) notices.emit('partition:assigned', { ...of, partition });
    notices.emit('partition:assigned', { ...of, topic: 'prices', partition: 0 });
    notices.emit('partition:assigned', { ...of, group: 'audit', partition: 1 });
    for (const partition of [0, 1]) notices.emit('partition:revoked', { ...of, partition, unsettled: 2 });
  });
  expect(lines).toEqual([
    'debug Assigned orders[0-3,7] prices[0] group=stock broker=main',
    'debug Assigned orders[1] group=audit broker=main',
    'debug Revoked orders[0-1] group=stock broker=main unsettled=4',
  ]);
});

test('one cause is one warning, with all topics that it is true of', async () => {
  const lines = await writtenInOneTurn((notices) => {
    for (const topic of ['orders', 'prices']) notices.emit('subscription:warned', { ...of, topic, warning: 'no key' });
    notices.emit('subscription:warned', { ...of, warning: 'another' });
  });
  expect(lines).toEqual([
    'warn Warning: no key. topic=orders,prices group=stock broker=main',
    'warn Warning: another. topic=orders group=stock broker=main',
  ]);
});

test('a failed message that is discarded is logged as an error: it is lost, and a message that was dropped on purpose is not', () => {
  const reason = 'dead letters are disabled, and handling failed: no database';
  expect(written('message:dropped', { ...message, reason, error: new Error('no database') })).toEqual([
    expect.stringMatching(/^error Message discarded: dead letters are disabled/),
  ]);
  expect(written('message:dropped', { ...message, reason: 'old' })).toEqual([
    expect.stringMatching(/^debug Message dropped: old/),
  ]);
});
