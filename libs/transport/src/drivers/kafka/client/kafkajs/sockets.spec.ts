import { placesOf } from './sockets.js';

const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const int32 = (value: number): Buffer => Buffer.concat([int16(value >> 16), int16(value)]);
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);
const records = (partition: number, size: number): Buffer[] => [int32(partition), int32(size), Buffer.alloc(size, 'x')];

function produceRequest(version: number): Buffer {
  const transactionalId = version >= 3 ? [int16(-1)] : [];
  const head = [
    int32(0),
    int16(0),
    int16(version),
    int32(7),
    text('client'),
    ...transactionalId,
    int16(-1),
    int32(30_000),
  ];
  const orders = [text('orders'), int32(2), ...records(0, 5), ...records(3, 9)];
  return Buffer.concat([...head, int32(2), ...orders, text('payments'), int32(1), ...records(1, 0)]);
}

describe('a produce request on a socket', () => {
  it.each([2, 3, 7])('names its partitions in version %i', (version) => {
    expect(placesOf(produceRequest(version))).toEqual(['orders/0', 'orders/3', 'payments/1']);
  });
});
