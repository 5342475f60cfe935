import { NsqError } from './failure.js';
import { Replies } from './replies.js';

const told = (replies: Replies): Promise<string> =>
  replies.expect(0).catch((error: NsqError) => `${error.stored}: ${error.message}`);

describe('those who wait for an answer', () => {
  it('get theirs in the order they asked', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies)]);
    expect(replies.answer('one')).toBe(true);
    expect(replies.answer('two')).toBe(true);
    expect(replies.answer('three')).toBe(false);
    expect(await all).toEqual(['one', 'two']);
  });

  it('know what was stored when one of them was refused: those behind it were never looked at', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies), told(replies)]);
    replies.answer('OK');
    replies.refuseFirst(new NsqError('refused', 'E_BAD_TOPIC'), new NsqError('closed', 'over another'));
    expect(await all).toEqual(['OK', 'no: E_BAD_TOPIC', 'no: over another']);
  });

  it('know that nobody knows when the connection ended without a word', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies)]);
    replies.loseAll(new NsqError('closed', 'hung up'));
    expect(await all).toEqual(['unknown: hung up', 'unknown: hung up']);
    expect(replies.size).toBe(0);
  });
});
