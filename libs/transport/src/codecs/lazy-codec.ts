import { essenceOf, type Codec } from '../contract/index.js';

/** Encodes and decodes once the package is loaded. */
export interface Coder {
  encode(payload: unknown, topic: string): Buffer | Promise<Buffer>;
  decode(body: Buffer, topic: string): unknown;
}

/**
 * Creates a codec whose package is loaded on first use; afterwards it returns values, not Promises.
 * @param alsoReads content types in addition to its own
 */
export function lazyCodec(contentType: string, alsoReads: readonly string[], load: () => Promise<Coder>): Codec {
  const read = new Set([contentType, ...alsoReads]);
  let coder: Coder | undefined;
  let loading: Promise<Coder> | undefined;
  const loaded = (): Promise<Coder> =>
    (loading ??= load().then(
      (it) => (coder = it),
      (error: unknown) => {
        // The next try finds a package that was installed in the meantime.
        loading = undefined;
        throw error;
      },
    ));
  return Object.freeze<Codec>({
    contentType,
    encode: (payload, topic) =>
      coder === undefined ? loaded().then((it) => it.encode(payload, topic)) : coder.encode(payload, topic),
    decode: (body, topic) =>
      coder === undefined ? loaded().then((it) => it.decode(body, topic)) : coder.decode(body, topic),
    reads: (given) => given !== undefined && (given === contentType || read.has(essenceOf(given))),
    prepare: async () => void (await loaded()),
  });
}

/** Returns the same bytes as a Buffer, without a copy. */
export const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
