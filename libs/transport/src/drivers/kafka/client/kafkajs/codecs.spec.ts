import { isXerial, xerialChunks } from './codecs.js';

describe("snappy in the frames of Java's clients", () => {
  const chunk = (text: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);

  it('is recognized and split', () => {
    const framed = Buffer.concat([header, chunk('one'), chunk('three')]);
    expect(isXerial(framed)).toBe(true);
    expect(xerialChunks(framed).map(String)).toEqual(['one', 'three']);
  });

  it('is distinguished from plain snappy', () => {
    expect(isXerial(Buffer.from('plain snappy, long enough'))).toBe(false);
    expect(isXerial(header.subarray(0, 8))).toBe(false);
  });
});
