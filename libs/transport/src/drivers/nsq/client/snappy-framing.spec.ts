import { randomBytes } from 'node:crypto';
import * as snappy from 'snappy';
import { crc32c } from './crc32c.js';
import { SnappyReader, SnappyWriter, type SnappyBlocks } from './snappy-framing.js';

const blocks = snappy as unknown as SnappyBlocks;

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4, and the check value of the Castagnoli polynomial.
  test.each([
    ['32 zeroes', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['0 to 31', Buffer.from([...Array(32).keys()]), 0x46dd794e],
    ['"123456789"', Buffer.from('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ])('of %s is as published', (_what, bytes, value) => {
    expect(crc32c(bytes)).toBe(value);
  });
});

describe('the snappy framing format', () => {
  const plains = [
    Buffer.from('PUB'),
    Buffer.alloc(200_000, 'compressible '),
    randomBytes(70_000),
    Buffer.alloc(65_536, 1),
  ];

  it('starts with its identifier, once, and decodes to what was encoded', () => {
    const writer = new SnappyWriter(blocks);
    const written = plains.map((plain) => writer.write(plain));
    const stream = Buffer.concat(written);
    expect(stream.subarray(0, 10)).toEqual(Buffer.from([0xff, 6, 0, 0, 0x73, 0x4e, 0x61, 0x50, 0x70, 0x59]));
    expect(stream.indexOf('sNaPpY', 10)).toBe(-1);
    expect(written[1]?.length).toBeLessThan(20_000);
    for (const size of [1, 7, 4_096, stream.length]) {
      const reader = new SnappyReader(blocks);
      const read: Buffer[] = [];
      for (let start = 0; start < stream.length; start += size)
        read.push(reader.push(stream.subarray(start, start + size)));
      expect(Buffer.concat(read).equals(Buffer.concat(plains))).toBe(true);
    }
  });

  it('skips skippable chunks', () => {
    const reader = new SnappyReader(blocks);
    expect(reader.push(Buffer.from([0xfe, 3, 0, 0, 1, 2, 3, 0x80, 0, 0, 0]))).toHaveLength(0);
  });

  it.each([
    ['a chunk of a type that may not be skipped', Buffer.from([0x02, 4, 0, 0, 0, 0, 0, 0]), /type 2/],
    ['a wrong checksum', Buffer.concat([Buffer.from([0x01, 5, 0, 0, 0, 0, 0, 0]), Buffer.from('x')]), /checksum/],
    [
      'a block that cannot be decompressed',
      Buffer.from([0x00, 6, 0, 0, 0, 0, 0, 0, 5, 0xff]),
      /cannot be decompressed/,
    ],
    [
      'a block that says it is huge',
      Buffer.from([0x00, 9, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
      /4294967295/,
    ],
    ['a number without an end', Buffer.from([0x00, 5, 0, 0, 0, 0, 0, 0, 0xff]), /Infinity/],
  ])('rejects %s', (_what, bytes, words) => {
    expect(() => new SnappyReader(blocks).push(bytes)).toThrow(words);
  });
});
