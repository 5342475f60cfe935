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

/** Gives the payload of a delivery, or a promise of it where its codec works asynchronously. */
export type Decode = (delivery: Delivery) => unknown;

/**
 * Reads what comes in by its content type, with the first codec that reads it: the event's own, the module's, JSON.
 *
 * A message that says no content type is the event's codec's to read, unless it has a `message-id`: whoever writes that
 * header writes a content type too where it is not JSON, so it is JSON. Thus an event can be given a codec while messages
 * of before are still on their way.
 *
 * What is thrown is `TRANSPORT_CONTENT_TYPE_UNKNOWN`, `TRANSPORT_PAYLOAD_UNDECODABLE`, or what the codec has a code for.
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

/** Whether a codec reads a content type; for a message that says none, whether it reads what is JSON by the wire format. */
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

/** n.b. codecs are other people's code: what they throw means that the bytes are not theirs. */
function refuse(cause: unknown, codec: Codec, body: Buffer): never {
  if (isTransportError(cause)) throw cause;
  const message = `The body (${body.length} bytes) is not "${codec.contentType}": ${shown(messageOf(cause), 500)}.`;
  throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', message, { cause });
}

function unknownFormat(contentType: string, codecs: readonly Codec[]): TransportError {
  const known = codecs.map((codec) => `"${codec.contentType}"`).join(' and ');
  return new TransportError(
    'TRANSPORT_CONTENT_TYPE_UNKNOWN',
    `The message is written as "${shown(contentType, 100)}", and this subscription reads ${known}. Give its event that codec, as in defineEvent('...', { codec: msgpack() }).`,
  );
}
