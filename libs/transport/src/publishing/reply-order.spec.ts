import type { Reply } from '../contract/index.js';
import { ReplyOrder } from './reply-order.js';

const value = (text: string, last = false): Reply => ({ kind: 'value', body: Buffer.from(text), last });
const textOf = (reply: Reply): string => (reply.kind === 'value' ? reply.body.toString() : reply.kind);

function taking(...replies: readonly (readonly [Reply, number | undefined])[]): string[] {
  const passed: string[] = [];
  const order = new ReplyOrder((reply) => passed.push(textOf(reply)));
  for (const [reply, index] of replies) order.take(reply, index);
  return passed;
}

describe('the replies to one request', () => {
  it('are passed on in the order in which they were sent, the last one last', () => {
    const last = value('two', true);
    expect(taking([last, 2], [value('one'), 1], [value('zero'), 0])).toEqual(['zero', 'one', 'two']);
    expect(taking([{ kind: 'end' }, 1], [value('zero'), 0])).toEqual(['zero', 'end']);
  });

  it('are passed on once each, and a later attempt that fails ends the request', () => {
    const error: Reply = { kind: 'error', name: 'Error', message: 'x' };
    const [zero, one] = [value('zero'), value('one')];
    expect(taking([zero, 0], [one, 1], [zero, 0], [one, 1], [error, 0])).toEqual(['zero', 'one', 'error']);
  });

  it('are passed on as they arrive if the responder gives them no index', () => {
    expect(taking([value('b'), undefined], [value('a'), undefined])).toEqual(['b', 'a']);
  });
});
