import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import { NsqError } from './failure.js';
import { SnappyReader, SnappyWriter, type SnappyBlocks } from './snappy-framing.js';

/** Where bytes go: encoded to the socket, decoded to the frame parser. */
export interface Ends {
  toSocket(bytes: Buffer): void;
  toParser(bytes: Buffer): void;
  failed(error: NsqError): void;
}

/** Encodes and decodes the bytes between the connection and the socket. */
export interface ByteCodec {
  encode(plain: Buffer): void;
  decode(bytes: Buffer): void;
  /** Calls back when everything encoded so far was passed to the socket. */
  whenWritten(done: () => void): void;
  /** Frees its resources; it emits nothing afterwards. */
  close(): void;
}

export const plainBytes = ({ toSocket, toParser }: Ends): ByteCodec => ({
  encode: toSocket,
  decode: toParser,
  whenWritten: (done) => done(),
  close: () => undefined,
});

export function snappyBytes({ toSocket, toParser, failed }: Ends, blocks: SnappyBlocks): ByteCodec {
  const writer = new SnappyWriter(blocks);
  const reader = new SnappyReader(blocks);
  const decode = (bytes: Buffer): void => {
    let plain: Buffer;
    try {
      plain = reader.push(bytes);
    } catch (error) {
      return failed(error as NsqError);
    }
    toParser(plain);
  };
  return {
    encode: (plain) => toSocket(writer.write(plain)),
    decode,
    whenWritten: (done) => done(),
    close: () => undefined,
  };
}

/** Raw deflate (RFC 1951), flushed after each command, because nsqd replies only to what it has decoded. */
export function deflateBytes({ toSocket, toParser, failed }: Ends): ByteCodec {
  const deflate = createDeflateRaw();
  const inflate = createInflateRaw();
  const broken = (cause: Error): void =>
    failed(new NsqError('protocol', `the deflate stream is broken: ${cause.message}`, { cause }));
  deflate.on('data', toSocket).on('error', broken);
  inflate.on('data', toParser).on('error', broken);
  return {
    encode: (plain) => {
      deflate.write(plain);
      deflate.flush(constants.Z_SYNC_FLUSH);
    },
    decode: (bytes) => void inflate.write(bytes),
    whenWritten: (done) => deflate.flush(constants.Z_SYNC_FLUSH, done),
    close: () => {
      deflate.removeAllListeners('data').close();
      inflate.removeAllListeners('data').close();
    },
  };
}

/** @throws NsqError `unsupported` with the command that installs the package */
export async function loadSnappy(): Promise<SnappyBlocks> {
  try {
    // The name is a variable, because a package with a binary cannot be bundled, and bundlers fail if it is not installed.
    const name = 'snappy' as string;
    const loaded = (await import(/* webpackIgnore: true */ name)) as SnappyBlocks & { default?: SnappyBlocks };
    return loaded.default ?? loaded;
  } catch (cause) {
    const message = 'compression "snappy" needs the package "snappy". Run: npm install snappy';
    throw new NsqError('unsupported', message, { code: 'PEER_MISSING', cause });
  }
}
