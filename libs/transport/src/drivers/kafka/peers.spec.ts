import { isXerial, xerialChunks } from './client/kafkajs/codecs.js';
import { loadPeer } from './peers.js';

const missing =
  (name: string, code = 'ERR_MODULE_NOT_FOUND') =>
  () =>
    Promise.reject<object>(Object.assign(new Error(`Cannot find package '${name}' imported from /app/x.js`), { code }));

describe('an optional package', () => {
  it.each(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'])(
    'that is missing is named with the command that installs it (%s)',
    async (code) => {
      await expect(loadPeer('kafkajs', 'The kafka driver', missing('kafkajs', code))).rejects.toMatchObject({
        code: 'TRANSPORT_PEER_MISSING',
        message: 'The kafka driver needs the package "kafkajs". Run: npm install kafkajs (TRANSPORT_PEER_MISSING)',
      });
    },
  );

  it('that is there but broken shows its own error', async () => {
    await expect(loadPeer('snappy', 'x', missing('@napi-rs/snappy-linux'))).rejects.toThrow('@napi-rs/snappy-linux');
  });

  it('shows its exports whichever module system it was written for', async () => {
    const commonJs = { default: { Kafka: 1 } } as object;
    expect(await loadPeer('kafkajs', 'x', () => Promise.resolve(commonJs))).toMatchObject({ Kafka: 1 });
    expect(await loadPeer('kafkajs', 'x', () => Promise.resolve({ Kafka: 1 }))).toMatchObject({ Kafka: 1 });
  });
});

describe("snappy in the frames of Java's clients", () => {
  const chunk = (text: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(text.length);
    return Buffer.concat([length, Buffer.from(text)]);
  };
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);

  it('is recognised and taken apart', () => {
    const framed = Buffer.concat([header, chunk('one'), chunk('three')]);
    expect(isXerial(framed)).toBe(true);
    expect(xerialChunks(framed).map(String)).toEqual(['one', 'three']);
  });

  it('is told from plain snappy', () => {
    expect(isXerial(Buffer.from('plain snappy, long enough'))).toBe(false);
    expect(isXerial(header.subarray(0, 8))).toBe(false);
  });
});
