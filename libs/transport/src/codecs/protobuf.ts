import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { messageOf, TransportError, type Codec } from '../contract/index.js';
import { loadPeer, unloaded } from '../shared/index.js';
import { asBuffer, lazyCodec, type Coder } from './lazy-codec.js';
import { refusePoisoned } from './poisoned.js';
import { unencodable } from './unencodable.js';

/** A message type as protobuf-es generates it: `OrderCreatedSchema`. */
export interface ProtobufDescriptor {
  readonly kind: 'message';
  readonly typeName: string;
}

/** A message type as ts-proto and protobufjs generate it: `OrderCreated`, with its own `encode` and `decode`. */
export interface ProtobufMessageType {
  /** Takes what `decode` gives. */
  // n.b. `any`: which fields there are is the generated code's to know.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  encode(message: any): { finish(): Uint8Array };
  /** Throws where the bytes are no such message. */
  decode(bytes: Uint8Array): unknown;
}

/**
 * Protocol Buffers, one message type per event. Content type `application/protobuf`.
 *
 * A descriptor of protobuf-es needs the package `@bufbuild/protobuf`; the payload may be a message or its fields. A type of
 * ts-proto or protobufjs brings what it needs.
 * @throws TransportError `TRANSPORT_OPTION_INVALID`
 */
export function protobuf(type: ProtobufDescriptor | ProtobufMessageType): Codec {
  const load = isDescriptor(type) ? () => byDescriptor(type) : () => byType(type);
  return lazyCodec('application/protobuf', ['application/x-protobuf', 'application/vnd.google.protobuf'], load);
}

function isDescriptor(type: ProtobufDescriptor | ProtobufMessageType): type is ProtobufDescriptor {
  const { kind, encode, decode } = Object(type) as Partial<ProtobufDescriptor & ProtobufMessageType>;
  if (kind === 'message') return true;
  if (typeof encode === 'function' && typeof decode === 'function') return false;
  throw new TransportError(
    'TRANSPORT_OPTION_INVALID',
    'protobuf() takes a message type: a descriptor of protobuf-es, as OrderCreatedSchema, or a type with encode and decode, as ts-proto and protobufjs make them.',
  );
}

async function byDescriptor(descriptor: ProtobufDescriptor): Promise<Coder> {
  const { create, fromBinary, toBinary } = await loadPeer(
    undefined,
    '@bufbuild/protobuf',
    `The codec protobuf(${descriptor.typeName})`,
    async () => {
      try {
        return await import('@bufbuild/protobuf');
      } catch (error) {
        return unloaded(error);
      }
    },
    { range: '^2.0.0', fits: (module) => typeof module.create === 'function' },
  );
  const schema = descriptor as DescMessage;
  return {
    encode: (payload) =>
      encoded(descriptor.typeName, () => {
        if (typeof payload !== 'object' || payload === null) throw new TypeError('no object');
        return toBinary(schema, create(schema, payload as MessageShape<DescMessage>));
      }),
    decode: (body) => refusePoisoned(body, fromBinary(schema, body)),
  };
}

function byType(type: ProtobufMessageType): Promise<Coder> {
  return Promise.resolve({
    encode: (payload) => encoded('message', () => type.encode(payload).finish()),
    decode: (body) => refusePoisoned(body, type.decode(body)),
  });
}

function encoded(typeName: string, encode: () => Uint8Array): Buffer {
  try {
    return asBuffer(encode());
  } catch (error) {
    throw unencodable(`does not fit the Protobuf type "${typeName}"${fieldOf(error)}`);
  }
}

/** n.b. the field's name alone: what the library says of its value may quote it. */
function fieldOf(error: unknown): string {
  const [, name] = /^cannot encode field (\S+) to binary/.exec(messageOf(error)) ?? [];
  return name === undefined ? '' : `, see its field "${name}"`;
}
