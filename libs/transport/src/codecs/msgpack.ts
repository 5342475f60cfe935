import { messageOf, type Codec } from '../contract/index.js';
import { loadPeer, lostOf, unloaded } from '../shared/index.js';
import { asBuffer, lazyCodec, type Coder } from './lazy-codec.js';
import { checkMsgpackStructure } from './msgpack-structure.js';
import { unencodable } from './unencodable.js';
import type { ExtensionCodecType } from '@msgpack/msgpack';

/**
 * MessagePack: what JSON can say in fewer bytes, and bytes and dates as what they are (`Uint8Array`, `Date`). Content type
 * `application/msgpack`. Needs the package `@msgpack/msgpack`.
 *
 * What is not JSON-like is refused on publish (`TRANSPORT_PAYLOAD_UNENCODABLE`): functions, `bigint`, circles, `Map`, `Set`. A field that is
 * undefined is left out, as in JSON. A body with the name `__proto__`, or that announces more than it holds, does not decode.
 */
export const msgpack = (): Codec =>
  lazyCodec('application/msgpack', ['application/x-msgpack', 'application/vnd.msgpack'], load);

/** Called for each object: what would be written as an empty object, or come back as bytes. */
function refuseLost(value: unknown): void {
  if (value instanceof Uint8Array) return;
  const lost = lostOf(value);
  if (lost !== undefined) throw new TypeError(`it holds ${lost}, which MessagePack has no type for`);
}

async function load(): Promise<Coder> {
  const { Encoder, Decoder, ExtensionCodec } = await loadPeer(
    undefined,
    '@msgpack/msgpack',
    'The codec msgpack()',
    async () => {
      try {
        return await import('@msgpack/msgpack');
      } catch (error) {
        return unloaded(error);
      }
    },
    {
      // n.b. version 2 takes other arguments, and would write undefined fields as null.
      range: '^3.0.0',
      fits: (module) => !('decodeStream' in module),
    },
  );
  const { defaultCodec } = ExtensionCodec;
  const extensionCodec: ExtensionCodecType<undefined> = {
    tryToEncode(value, context) {
      refuseLost(value);
      return defaultCodec.tryToEncode(value, context);
    },
    decode: (data, type, context) => defaultCodec.decode(data, type, context),
  };
  const encoder = new Encoder({ ignoreUndefined: true, extensionCodec });
  const decoder = new Decoder();
  return {
    encode(payload) {
      if (payload === undefined) throw unencodable('is undefined; publish null to say "nothing"');
      try {
        return asBuffer(encoder.encode(payload));
      } catch (cause) {
        throw unencodable(`cannot be written as MessagePack: ${messageOf(cause)}`, cause);
      }
    },
    decode(body) {
      checkMsgpackStructure(body);
      return decoder.decode(body);
    },
  };
}
