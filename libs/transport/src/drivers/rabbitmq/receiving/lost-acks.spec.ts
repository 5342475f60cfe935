import { LostAcks, RecentAcks } from './lost-acks.js';

const recentOf = (...ids: string[]): RecentAcks => {
  const recent = new RecentAcks();
  for (const id of ids) recent.add(id, 2);
  return recent;
};

describe('acks whose channel closed', () => {
  it('are recalled once, with the attempt that they ended', () => {
    const lost = new LostAcks();
    lost.remember(recentOf('a', 'b'));
    expect([lost.recall('a'), lost.recall('a'), lost.recall('c')]).toEqual([2, undefined, undefined]);
  });

  it('are the newest of the channel, and of the channels before', () => {
    const lost = new LostAcks();
    const ids = Array.from({ length: 1_030 }, (_, index) => `m${index}`);
    lost.remember(recentOf(...ids));
    expect([lost.recall('m0'), lost.recall('m6'), lost.recall('m1029')]).toEqual([undefined, 2, 2]);
    for (let channel = 0; channel < 11; channel++) lost.remember(recentOf(...ids.map((id) => `${channel}.${id}`)));
    expect(lost.recall('m500')).toBeUndefined();
    expect(lost.recall('10.m500')).toBe(2);
  });
});
