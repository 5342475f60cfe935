import { NsqError } from './failure.js';
import { Replies } from './replies.js';

const told = (replies: Replies): Promise<string> =>
  replies.expect(0).catch((error: NsqError) => `${error.stored}: ${error.message}`);

describe('pending replies', () => {
  it('are resolved in the order of the commands', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies)]);
    expect(replies.answer('one')).toBe(true);
    expect(replies.answer('two')).toBe(true);
    expect(replies.answer('three')).toBe(false);
    expect(await all).toEqual(['one', 'two']);
  });

  it('behind a rejected command fail as "not stored": nsqd never read those commands', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies), told(replies)]);
    replies.answer('OK');
    replies.refuseFirst(new NsqError('refused', 'E_BAD_TOPIC'), new NsqError('closed', 'over another'));
    expect(await all).toEqual(['OK', 'no: E_BAD_TOPIC', 'no: over another']);
  });

  it('fail as "unknown" when the connection ended without an error', async () => {
    const replies = new Replies();
    const all = Promise.all([told(replies), told(replies)]);
    replies.loseAll(new NsqError('closed', 'hung up'));
    expect(await all).toEqual(['unknown: hung up', 'unknown: hung up']);
    expect(replies.size).toBe(0);
  });
});
