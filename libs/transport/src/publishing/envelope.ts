import {
  DEAD_LETTER_HEADERS,
  RETRY_HEADERS,
  TransportError,
  WIRE_HEADERS,
  isJsonContentType,
  isThenable,
  type Codec,
  type Headers,
  type OutgoingMessage,
} from '../contract/index.js';
import type { PublishOptions } from './publisher.js';

/** RFC 9110 "token": valid as a header name on every broker. */
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
/** Brokers that write headers as lines of text would treat these as the end of a line. */
const CONTROL_CHARACTER = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const { correlationId: _, ...OWN_HEADERS } = WIRE_HEADERS;
/**
 * Headers that the transport writes about a message. Those of a received message say nothing about the next one.
 * `correlation-id` is not in the list: applications use one of their own, and only a request replaces it.
 */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.values(OWN_HEADERS),
  ...Object.values(DEAD_LETTER_HEADERS),
  ...Object.values(RETRY_HEADERS),
]);

/** The fields of a message other than its payload. */
export interface Address {
  readonly topic: string;
  /** undefined: the message has no type, as when a topic is published to by name. */
  readonly type: string | undefined;
}

/** How payloads are encoded. */
export interface Format {
  readonly codec: Codec;
  /** undefined: JSON, which a message without the header is. */
  readonly contentType: string | undefined;
}

export function formatOf(codec: Codec): Format {
  return { codec, contentType: isJsonContentType(codec.contentType) ? undefined : codec.contentType };
}

/**
 * Builds the message in the wire format (docs/wire-format.md): the body is only the encoded payload, and headers are
 * present only where they carry something. Returns a Promise only if the codec is asynchronous.
 * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE`, `TRANSPORT_KEY_INVALID`, `TRANSPORT_HEADER_INVALID`
 */
export function envelope(
  address: Address,
  payload: unknown,
  key: string | undefined,
  options: PublishOptions | undefined,
  id: string,
  format: Format,
): OutgoingMessage | Promise<OutgoingMessage> {
  const { topic } = address;
  if (key !== undefined && (typeof key !== 'string' || key === '')) throw badKey(topic, key);
  if (options?.id !== undefined) checkText(topic, WIRE_HEADERS.id, id);
  const headers = headersOf(address, options?.headers, id, format);
  const body = format.codec.encode(payload, topic);
  const partition = options?.partition;
  if (isThenable(body)) {
    return Promise.resolve(body).then((encoded) => ({ topic, key, body: encoded, headers, id, partition }));
  }
  return { topic, key, body, headers, id, partition };
}

function headersOf({ topic, type }: Address, given: Headers | undefined, id: string, { contentType }: Format): Headers {
  const headers: Record<string, string> = { [WIRE_HEADERS.id]: id };
  if (type !== undefined && type !== topic) headers[WIRE_HEADERS.type] = type;
  if (contentType !== undefined) headers[WIRE_HEADERS.contentType] = contentType;
  if (given !== undefined) addChecked(headers, given, topic);
  return headers;
}

function addChecked(headers: Record<string, string>, given: Headers, topic: string): void {
  // A Map has no properties, so none of its entries would be sent.
  if (Symbol.iterator in Object(given)) throw noRecord(topic);
  for (const [givenName, value] of Object.entries(given)) {
    const name = givenName.toLowerCase();
    if (!HEADER_NAME.test(name))
      throw badHeader(topic, givenName, "the name can only contain letters, digits and -_.~!#$%&'*+^`|");
    if (RESERVED.has(name)) continue;
    // As a property name it would not be sent at all.
    if (name === '__proto__') throw badHeader(topic, givenName, 'the name is reserved');
    checkText(topic, givenName, value);
    headers[name] = value;
  }
}

function checkText(topic: string, name: string, value: unknown): void {
  if (typeof value !== 'string') throw badHeader(topic, name, `the value must be a string, got ${typeof value}`);
  if (value === '' && name === WIRE_HEADERS.id) throw badHeader(topic, name, 'an id must not be empty');
  if (CONTROL_CHARACTER.test(value))
    throw badHeader(topic, name, 'the value contains a control character or a line break');
}

function badHeader(topic: string, name: string, why: string): TransportError {
  return new TransportError(
    'TRANSPORT_HEADER_INVALID',
    `Cannot publish to "${topic}" with header ${JSON.stringify(name)}: ${why}.`,
    { topic, stored: 'no' },
  );
}

function noRecord(topic: string): TransportError {
  return new TransportError(
    'TRANSPORT_HEADER_INVALID',
    `Cannot publish to "${topic}": headers must be an object with string values. Use Object.fromEntries(headers) for a Map or Headers.`,
    { topic, stored: 'no' },
  );
}

function badKey(topic: string, key: unknown): TransportError {
  const got = key === '' ? 'an empty string' : `${typeof key}`;
  return new TransportError(
    'TRANSPORT_KEY_INVALID',
    `Cannot publish to "${topic}": the key must be a non-empty string, got ${got}. Leave it out to publish without a key.`,
    { topic, stored: 'no' },
  );
}
