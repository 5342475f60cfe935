import { FrameParser, type Frame } from './frames.js';

const frame = (type: number, data: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4 + data.length, 0);
  head.writeUInt32BE(type, 4);
  return Buffer.concat([head, data]);
};
const message = (id: string, attempts: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(10);
  head.writeBigInt64BE(1_700_000_000_000_000_001n, 0);
  head.writeUInt16BE(attempts, 8);
  return frame(2, Buffer.concat([head, Buffer.from(id), body]));
};
const ID = '0123456789abcdef';

function framesOf(chunks: readonly Buffer[], maxFrameBytes = 10_000): Frame[] {
  const parser = new FrameParser(maxFrameBytes);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    parser.add(chunk);
    for (let next = parser.next(); next !== undefined; next = parser.next()) frames.push(next);
  }
  return frames;
}

describe('a parser of frames', () => {
  const stream = Buffer.concat([
    frame(0, Buffer.from('OK')),
    message(ID, 65_535, Buffer.from([0, 255, 10])),
    frame(1, Buffer.from('E_FIN_FAILED FIN x failed')),
    frame(0, Buffer.alloc(0)),
    message('fedcba9876543210', 1, Buffer.alloc(0)),
  ]);
  const expected: Frame[] = [
    { kind: 'response', text: 'OK' },
    {
      kind: 'message',
      message: { id: ID, attempts: 65_535, timestampNs: 1_700_000_000_000_000_001n, body: Buffer.from([0, 255, 10]) },
    },
    { kind: 'error', text: 'E_FIN_FAILED FIN x failed' },
    { kind: 'response', text: '' },
    {
      kind: 'message',
      message: {
        id: 'fedcba9876543210',
        attempts: 1,
        timestampNs: 1_700_000_000_000_000_001n,
        body: Buffer.alloc(0),
      },
    },
  ];

  it('finds the same frames wherever the chunks end', () => {
    expect(framesOf([stream])).toEqual(expected);
    for (let size = 1; size < stream.length; size++) {
      const chunks: Buffer[] = [];
      for (let start = 0; start < stream.length; start += size) chunks.push(stream.subarray(start, start + size));
      expect(framesOf(chunks)).toEqual(expected);
    }
  });

  it('returns the bytes that it has not parsed, which may have another encoding', () => {
    const parser = new FrameParser(100);
    parser.add(Buffer.concat([frame(0, Buffer.from('{}')), Buffer.from([0xff, 6, 0])]));
    parser.add(Buffer.from([0, 1]));
    expect(parser.next()).toEqual({ kind: 'response', text: '{}' });
    expect(parser.takeRest()).toEqual(Buffer.from([0xff, 6, 0, 0, 1]));
    expect(parser.takeRest()).toHaveLength(0);
    parser.add(frame(0, Buffer.from('OK')));
    expect(parser.next()).toEqual({ kind: 'response', text: 'OK' });
  });

  it.each([
    ['a frame above the limit', Buffer.from([0x7f, 0, 0, 0]), /2130706432 bytes.*4 to 10000/],
    ['a reply in another protocol', Buffer.from('HTTP/1.1 400 Bad Request'), /is this an nsqd/],
    ['a frame too short for its type', Buffer.from([0, 0, 0, 3, 0, 0, 0]), /3 bytes/],
    ['a type that NSQ does not have', frame(3, Buffer.from('x')), /type 3/],
    ['a message that is shorter than its header', frame(2, Buffer.alloc(25)), /message of 25 bytes/],
  ])('rejects %s', (_what, bytes, words) => {
    expect(() => framesOf([bytes])).toThrow(words);
    expect(() => framesOf([bytes])).toThrow(expect.objectContaining({ reason: 'protocol' }));
  });
});
