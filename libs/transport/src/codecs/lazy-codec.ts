import { essenceOf, type Codec } from '../contract/index.js';

/** What a codec does, once what it needs is loaded. */
export interface Coder {
  encode(payload: unknown, topic: string): Buffer | Promise<Buffer>;
  decode(body: Buffer, topic: string): unknown;
}

/**
 * A codec whose package is loaded when it is first needed: from then on it answers at once.
 * @param alsoReads content types beside its own
 */
export function lazyCodec(contentType: string, alsoReads: readonly string[], load: () => Promise<Coder>): Codec {
  const read = new Set([contentType, ...alsoReads]);
  let coder: Coder | undefined;
  let loading: Promise<Coder> | undefined;
  const loaded = (): Promise<Coder> =>
    (loading ??= load().then(
      (it) => (coder = it),
      (error: unknown) => {
        // A package that is installed later is found by the next try.
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

/** The same bytes as a Buffer; nothing is copied. */
export const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
