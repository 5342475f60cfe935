import {
  isJsonContentType,
  isThenable,
  isTransportError,
  messageOf,
  shown,
  TransportError,
  WIRE_HEADERS,
  type Codec,
  type Delivery,
} from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';

/** Returns the payload of a delivery, or a Promise if its codec is asynchronous. */
export type Decode = (delivery: Delivery) => unknown;

/**
 * Decodes by content type, with the first codec that reads it: the event's own, the module's, JSON.
 *
 * A message without a content type belongs to the event's codec, unless it has a `message-id`: whoever writes that
 * header also writes a content type for anything but JSON, so it is JSON. An event can therefore get a new codec while
 * older messages are still on their way.
 *
 * Throws `TRANSPORT_CONTENT_TYPE_UNKNOWN`, `TRANSPORT_PAYLOAD_UNDECODABLE`, or the codec's own `TransportError`.
 */
export function decoderOf(eventCodec: Codec | undefined, moduleCodec: Codec): Decode {
  const codecs = [...new Set([eventCodec ?? moduleCodec, moduleCodec, jsonCodec])];
  const [first = jsonCodec] = codecs;
  const takesSilent = speaks(first, undefined);
  return (delivery) => {
    // A tombstone.
    if (delivery.body === null) return null;
    const contentType = delivery.header(WIRE_HEADERS.contentType);
    if (contentType === undefined) {
      const codec = takesSilent || delivery.header(WIRE_HEADERS.id) === undefined ? first : jsonCodec;
      return decodeWith(codec, delivery.body, delivery.topic);
    }
    const codec = codecs.find((each) => speaks(each, contentType));
    if (codec === undefined) throw unknownFormat(contentType, codecs);
    return decodeWith(codec, delivery.body, delivery.topic);
  };
}

/**
 * Whether a codec reads a content type; for a message without one, whether it reads JSON as the wire format defines it.
 */
function speaks(codec: Codec, contentType: string | undefined): boolean {
  if (codec.reads !== undefined) return codec.reads(contentType);
  if (contentType === undefined) return isJsonContentType(codec.contentType);
  return contentType === codec.contentType || (isJsonContentType(contentType) && isJsonContentType(codec.contentType));
}

function decodeWith(codec: Codec, body: Buffer, topic: string): unknown {
  try {
    const payload = codec.decode(body, topic);
    if (!isThenable(payload)) return payload;
    return Promise.resolve(payload).catch((error: unknown) => refuse(error, codec, body));
  } catch (error) {
    return refuse(error, codec, body);
  }
}

/** Codecs are foreign code: any error means that the bytes are not in their format. */
function refuse(cause: unknown, codec: Codec, body: Buffer): never {
  if (isTransportError(cause)) throw cause;
  const message = `The body (${body.length} bytes) is not "${codec.contentType}": ${shown(messageOf(cause), 500)}.`;
  throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', message, { cause });
}

function unknownFormat(contentType: string, codecs: readonly Codec[]): TransportError {
  const known = codecs.map((codec) => `"${codec.contentType}"`).join(' and ');
  return new TransportError(
    'TRANSPORT_CONTENT_TYPE_UNKNOWN',
    `The message has content type "${shown(contentType, 100)}", but this subscription reads ${known}. Give its event that codec, as in defineEvent('...', { codec: msgpack() }).`,
  );
}
