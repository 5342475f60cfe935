import { KafkaDelivery, type DeliveryOwner } from './receiving/delivery.js';

/** A fetch of a megabyte with one small record in it. */
function fetched() {
  const fetch = Buffer.alloc(1_048_576, 'x');
  const slice = (from: number, length: number): Buffer => fetch.subarray(from, from + length);
  const headers = { one: slice(300, 10), several: [slice(400, 10), slice(500, 10)] };
  const record = { offset: '1', key: slice(0, 10), value: slice(10, 200), timestamp: '0', headers };
  const owner = { topic: 't', group: 'g', partition: 0, parked: () => undefined } as unknown as DeliveryOwner;
  return new KafkaDelivery(owner, record, 0, 1);
}

const pinned = (bytes: unknown): number => (bytes as Buffer).buffer.byteLength;

describe('a message that waits for its next attempt', () => {
  it('holds back none of the fetch that it came with', () => {
    const delivery = fetched();
    expect(pinned(delivery.body)).toBe(1_048_576);
    delivery.park(2, 1_000);
    const { key, value, headers } = delivery.raw;
    const all = [delivery.body, key, value, ...Object.values(headers ?? {}).flat()];
    expect(all.map(pinned).every((bytes) => bytes < 100_000)).toBe(true);
    const texts = [200, 10, 200, 10, 10, 10].map((length) => 'x'.repeat(length));
    expect(all.map(String)).toEqual(texts);
  });
});
