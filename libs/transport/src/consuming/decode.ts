import {
  isJsonContentType,
  messageOf,
  TransportError,
  WIRE_HEADERS,
  type Codec,
  type Delivery,
} from '../contract/index.js';

/**
 * The payload of a delivery. A tombstone (no body at all) is `null`.
 * @throws TransportError `TRANSPORT_PAYLOAD_UNDECODABLE` also when the message says it is written in another format
 */
export function decodePayload(delivery: Delivery, codec: Codec): unknown {
  if (delivery.body === null) return null;
  const contentType = delivery.header(WIRE_HEADERS.contentType);
  if (contentType !== undefined && !speaks(codec, contentType)) throw foreignFormat(contentType, codec);
  try {
    return codec.decode(delivery.body);
  } catch (cause) {
    if (cause instanceof TransportError) throw cause;
    const message = `The body (${delivery.body.length} bytes) is not "${codec.contentType}": ${messageOf(cause)}.`;
    throw new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', message, { cause });
  }
}

function speaks(codec: Codec, contentType: string): boolean {
  return contentType === codec.contentType || (isJsonContentType(contentType) && isJsonContentType(codec.contentType));
}

function foreignFormat(contentType: string, codec: Codec): TransportError {
  return new TransportError(
    'TRANSPORT_PAYLOAD_UNDECODABLE',
    `The message is written as "${contentType.slice(0, 100)}", and this subscription reads "${codec.contentType}".`,
  );
}
