import { TransportError } from '../contract/index.js';
import type { StoredDeadLetter } from '../nest/index.js';
import { complaintsAbout, replayOptionsOf } from './commands/dead-letters.js';
import { byTime, countsText, letterJson, lettersText, reportJson, reportText } from './dead-letters-text.js';
import { run } from './program.js';

const letter = (more: Partial<StoredDeadLetter> = {}): StoredDeadLetter => ({
  id: 'o-1',
  key: undefined,
  body: Buffer.from('{"sku":"lamp"}'),
  headers: { tenant: 'acme' },
  originalTopic: 'order.created',
  originalOffset: undefined,
  group: 'inventory',
  attempts: 5,
  firstFailedAt: undefined,
  lastFailedAt: new Date('2025-01-02T03:04:05.678Z'),
  errorName: 'RangeError',
  errorMessage: 'shelf 7 is full',
  omittedBytes: undefined,
  fingerprint: 'RangeError: shelf <number> is full',
  ...more,
});

describe('dead letters on a terminal', () => {
  it('are a table with the reason of each', () => {
    expect(lettersText('a.dead-letter', [letter(), letter({ id: 'o-22', key: 'k' })])).toBe(
      [
        '2 dead letters in a.dead-letter',
        '',
        'ID   KEY GROUP     ATTEMPTS FAILED                   ERROR',
        'o-1  -   inventory 5        2025-01-02T03:04:05.678Z RangeError: shelf 7 is full',
        'o-22 k   inventory 5        2025-01-02T03:04:05.678Z RangeError: shelf 7 is full',
        '',
      ].join('\n'),
    );
    expect(lettersText('a.dead-letter', [])).toBe('0 dead letters in a.dead-letter\n');
  });

  it('are sorted by the time of their last failure, oldest first; without a time, last', () => {
    const at = (id: string, lastFailedAt: Date | undefined): StoredDeadLetter => letter({ id, lastFailedAt });
    const letters = [at('none', undefined), at('new', new Date(2)), at('old', new Date(1)), at('none-2', undefined)];
    expect(byTime(letters).map(({ id }) => id)).toEqual(['old', 'new', 'none', 'none-2']);
  });

  it('show their payload on request: text, other bytes as base64, no body', () => {
    const shown = (body: Buffer | null): string =>
      lettersText('t', [letter({ body })], { payload: true }).split('\n')[4] ?? '';
    expect(shown(Buffer.from('{"sku":\n"lamp"}'))).toBe('  {"sku": "lamp"}');
    expect(shown(Buffer.from([0xff, 0]))).toBe('  base64:/wA=');
    expect(shown(null)).toBe('  (no body)');
    expect(lettersText('t', [letter()])).not.toContain('lamp');
  });

  it('have colours where the terminal has them: the head, and the reason', () => {
    const text = lettersText('t', [letter()], { colours: true });
    expect(text).toMatch(/\u001b\[1mID .*ERROR\u001b\[22m/);
    expect(text).toContain('\u001b[31mRangeError: shelf 7 is full\u001b[39m');
    expect(lettersText('t', [letter()])).not.toContain('\u001b');
  });

  it('cannot command it, nor break a line', () => {
    const text = lettersText('t', [letter({ id: 'a\u001b[2Jb', errorMessage: 'one\ntwo\u202Ethree\u0007' })]);
    expect(text).toContain('a [2Jb');
    expect(text).toMatch(/RangeError: one two three\s*$/);
    expect(reportText({ verb: 'Sent back', topic: 't' }, { done: ['\u001b]0;x'] })).not.toContain('\u001b');
  });

  it('are counted by their cause', () => {
    const moment = new Date(0);
    const fingerprint = 'Error: a';
    expect(countsText('t', [{ fingerprint, count: 2, oldest: moment, newest: undefined }])).toMatch(
      /^2 dead letters in t\n\nCOUNT OLDEST +NEWEST FINGERPRINT\n2 +1970-01-01T00:00:00\.000Z - +Error: a\n$/,
    );
  });
});

describe('dead letters as JSON', () => {
  it.each([
    ['text', Buffer.from('ä'), { body: 'ä' }],
    ['a tombstone', null, { body: null }],
    ['other bytes', Buffer.from([0xff, 0]), { bodyBase64: '/wA=' }],
  ])('keep a body that is %s', (_what, body, expected) => {
    const { body: text, bodyBase64 } = letterJson(letter({ body })) as Record<string, unknown>;
    expect(JSON.parse(JSON.stringify({ body: text, bodyBase64 }))).toEqual(expected);
  });

  it('say of each that was left why', () => {
    const error = new TransportError('TRANSPORT_PUBLISH_FAILED', 'it was full.');
    expect(reportJson('t', false, { done: ['a'], left: [{ id: 'b', error }] })).toEqual({
      topic: 't',
      dryRun: false,
      done: ['a'],
      left: [{ id: 'b', code: 'TRANSPORT_PUBLISH_FAILED', message: error.message }],
    });
  });
});

test('a replay gets the options of the command line and no others', () => {
  const given = { id: ['a'], perSecond: 50, to: 'repair', dryRun: true, limit: 7, json: true, app: 'x.js' } as const;
  expect(replayOptionsOf(given)).toEqual({ ids: ['a'], ratePerSecond: 50, to: 'repair', dryRun: true, limit: 7 });
  expect(replayOptionsOf({ all: true })).toEqual({ dryRun: false });
});

describe('the exit code of what was done', () => {
  const done = (count: number) => ({ done: Array.from({ length: count }, (_, index) => `${index}`), left: [] });

  it('reports an id that was not found, and one that was left', () => {
    expect(complaintsAbout(done(1), { id: ['0'] })).toEqual([]);
    expect(complaintsAbout(done(1), { id: ['0', 'x'] })).toEqual([expect.stringContaining('no dead letter x')]);
    const error = new TransportError('TRANSPORT_CLOSED', 'another dead-letter admin has it.');
    expect(complaintsAbout({ done: [], left: [{ id: 'x', error }] }, { id: ['x'] })).toEqual([error.message]);
  });

  it('reports that there may be more than were read, unless a limit was set', () => {
    expect(complaintsAbout(done(999), { all: true })).toEqual([]);
    expect(complaintsAbout(done(1_000), { all: true })).toEqual([expect.stringContaining('there may be more')]);
    expect(complaintsAbout(done(1_000), { all: true, limit: 1_000 })).toEqual([]);
  });
});

describe('npx nest-transport dead-letters', () => {
  async function refusalOf(...args: readonly string[]): Promise<{ code: number; text: string }> {
    let text = '';
    const tell = (each: string): void => void (text += each);
    // Why: there is no such application, so what is rejected here is rejected before one is loaded.
    const code = await run(['dead-letters', ...args, '--app', 'nowhere.js'], { write: tell, tell });
    return { code, text };
  }

  it.each([
    ['replays nothing without a choice', ['replay', 't'], /Select dead letters: dead-letters replay takes --id/],
    ['discards nothing without a choice', ['discard', 't', '--yes'], /Select dead letters: dead-letters discard/],
    ['refuses two choices', ['replay', 't', '--all', '--id', 'a'], /Select dead letters with one option only/],
    ['discards nothing without --yes', ['discard', 't', '--all'], /cannot be undone.*--dry-run.*--yes/],
    ['refuses a limit that is none', ['list', 't', '--limit', '0'], /'--limit <n>' argument '0' is invalid.*1 or more/],
    [
      'refuses a rate that is none',
      ['replay', 't', '--all', '--per-second', 'fast'],
      /--per-second.*'fast' is invalid/,
    ],
    ['refuses an option of another command', ['list', 't', '--yes'], /unknown option '--yes'/],
    ['wants a topic', ['count'], /missing required argument 'topic'/],
    ['takes one topic', ['count', 't', 'u'], /unexpected argument 'u'/],
    ['takes no flag for a value', ['list', 't', '--broker', '--json'], /'--broker <name>' needs a value/],
  ])('%s, and exits with 2', async (_what, args, complaint) => {
    expect(await refusalOf(...args)).toEqual({ code: 2, text: expect.stringMatching(complaint) });
  });

  it('looks for the application last, and exits with 1 where there is none', async () => {
    const { code, text } = await refusalOf('discard', 't', '--all', '--yes');
    expect({ code, text }).toEqual({ code: 1, text: expect.stringMatching(/there is no file .*nowhere\.js/) });
  });
});
