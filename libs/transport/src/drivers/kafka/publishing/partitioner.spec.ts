import { byKey, murmur2, roundRobin } from './partitioner.js';

describe('murmur2', () => {
  // From UtilsTest of Kafka's Java client.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %j as the Java client does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });
});

describe('the choice of a partition', () => {
  it('sends one key to one partition', () => {
    const choose = byKey();
    const chosen = Array.from({ length: 20 }, () => choose('orders', 'order-7', 6));
    expect(new Set(chosen).size).toBe(1);
  });

  it('sends messages without a key to all partitions in turn', () => {
    const choose = byKey();
    const chosen = Array.from({ length: 6 }, () => choose('orders', undefined, 6));
    expect([...chosen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('sends every message in turn, whatever its key, when asked for round-robin', () => {
    const choose = roundRobin();
    const chosen = Array.from({ length: 3 }, () => choose('orders', 'same', 3));
    expect([...chosen].sort()).toEqual([0, 1, 2]);
  });
});
