import { RecentSettlements, type SentSettlement } from './recent-settlements.js';

const sent = (nsqd: string, messageId: string, sentAtMs = 0): SentSettlement => ({
  ...{ nsqd, messageId, sentAtMs, settlement: { kind: 'ack' } },
  ...{ id: messageId, key: undefined, attempt: 1 },
});
const add = (recent: RecentSettlements, entry: SentSettlement): void =>
  recent.add(entry.nsqd, entry.messageId, entry.sentAtMs, entry.settlement, entry);

describe('the last settlements of a subscription', () => {
  it('are found by nsqd and id, the oldest first, each once', () => {
    const recent = new RecentSettlements();
    const entries = [sent('a', '1', 1), sent('b', '1', 2), sent('a', '1', 3)];
    for (const entry of entries) add(recent, entry);
    expect([1, 2, 3].map(() => recent.takeRefused('a', '1'))).toEqual([entries[0], entries[2], undefined]);
    expect(recent.takeRefused('b', '1')).toEqual(entries[1]);
  });

  it('are found by the moment since when an nsqd was silent', () => {
    const recent = new RecentSettlements();
    for (let ms = 0; ms < 10; ms++) add(recent, sent(ms % 2 === 0 ? 'a' : 'b', String(ms), ms));
    expect(recent.takeSentSince('a', 4).map(({ messageId }) => messageId)).toEqual(['4', '6', '8']);
    expect(recent.takeSentSince('a', 4)).toEqual([]);
    expect(recent.takeRefused('a', '2')).toBeDefined();
  });

  it('are forgotten, oldest first, when there are too many', () => {
    const recent = new RecentSettlements();
    for (let n = 0; n < 5_000; n++) add(recent, sent('a', String(n), n));
    expect([recent.takeRefused('a', '100'), recent.takeRefused('a', '4999')?.messageId]).toEqual([undefined, '4999']);
    const kept = recent.takeSentSince('a', 0).map(({ sentAtMs }) => sentAtMs);
    expect(kept).toEqual([...kept].sort((one, other) => one - other));
    expect(kept).toHaveLength(4_095);
  });
});
