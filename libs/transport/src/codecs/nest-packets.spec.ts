import { nestPackets } from './nest-packets.js';

const codec = nestPackets();
const read = (value: unknown, topic = 'order.created'): unknown =>
  codec.decode(Buffer.from(JSON.stringify(value)), topic);

describe('nestPackets', () => {
  it('reads the data of a packet: of an event, of a request, of Nest 12 with its metadata, of a dead letter', () => {
    const packet = { pattern: 'order.created', data: { orderId: 'o-1' } };
    expect(read(packet)).toEqual({ orderId: 'o-1' });
    expect(read({ ...packet, id: '5' })).toEqual({ orderId: 'o-1' });
    expect(read({ ...packet, metadata: { traceparent: '00-' } })).toEqual({ orderId: 'o-1' });
    expect(read(packet, 'order.created.inventory.dead-letter')).toEqual({ orderId: 'o-1' });
  });

  it.each([
    [{ orderId: 'o-1' }],
    [{ pattern: 'zigzag' }],
    [{ pattern: 'zigzag', data: 1, size: 'M' }],
    [[1]],
    ['text'],
    [null],
  ])('reads any other JSON as it is: %j', (payload) => expect(read(payload)).toEqual(payload));

  it('refuses a packet for another pattern, and one whose pattern is an object', () => {
    const refused = expect.objectContaining({ code: 'TRANSPORT_PAYLOAD_UNDECODABLE' });
    expect(() => read({ pattern: 'order.cancelled', data: 1 })).toThrow(refused);
    expect(() => read({ pattern: 'order', data: 1 })).toThrow(/"order\.created", but its pattern is "order"/);
    expect(() => read({ pattern: { cmd: 'sum' }, data: 1 })).toThrow(refused);
    expect(() => codec.decode(Buffer.from('plain text'), 't')).toThrow(refused);
  });

  it('writes plain JSON, and reads every JSON type and what says none', () => {
    expect(String(codec.encode({ orderId: 'o-1' }, 'order.created'))).toBe('{"orderId":"o-1"}');
    expect(codec.reads?.(undefined)).toBe(true);
    expect(codec.reads?.('application/vnd.acme+json; charset=utf-8')).toBe(true);
    expect(codec.reads?.('application/msgpack')).toBe(false);
  });
});
