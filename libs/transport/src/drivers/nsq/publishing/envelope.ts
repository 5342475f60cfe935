import { isUtf8 } from 'node:buffer';
import { WIRE_HEADERS, isJsonContentType, type Headers, type OutgoingMessage } from '../../../contract/index.js';
import { JsonMembers, jsonOf } from './json-members.js';

/*
 * NSQ has bodies and nothing else, so a message is a CloudEvent 1.0 in structured JSON:
 *
 *   {"specversion":"1.0","id":"01a1…","source":"orders","type":"order.created","time":"…Z",
 *    "datacontenttype":"application/json","partitionkey":"o-1","traceparent":"00-…",
 *    "headers":"{\"tenant-id\":\"acme\"}","data":{"orderId":"o-1"}}
 *
 * An attribute's name may hold a-z and 0-9 only, at most 20 of them, and an attribute no object. So a header with such a name
 * is an attribute, as CloudEvents' own extensions want it (traceparent), and all others are together in "headers", as JSON text.
 */

/** The text of a JSON object with the headers whose names no attribute can have. */
export const HEADERS_ATTRIBUTE = 'headers';
const KEY_ATTRIBUTE = 'partitionkey';

/** Attributes with a meaning of their own: no header is written under these, and none is read from them. */
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...['specversion', 'id', 'source', 'type', 'time', 'subject', 'dataschema', 'datacontenttype', 'data', 'data_base64'],
  KEY_ATTRIBUTE,
  HEADERS_ATTRIBUTE,
]);
/** Said by attributes of their own. */
const OWN_HEADERS: ReadonlySet<string> = new Set([WIRE_HEADERS.id, WIRE_HEADERS.type, WIRE_HEADERS.contentType]);
const ATTRIBUTE_NAME = /^[a-z0-9]{1,20}$/;
/** What CloudEvents allows in a text: no control characters, and something at all. */
const ATTRIBUTE_TEXT = /^[^\u0000-\u001f\u007f-\u009f]+$/;
const JSON_TYPE = 'application/json';

/** A message as nsqd stores it. */
export function wrap(message: OutgoingMessage, source: string, timeMs: number): Buffer {
  const { id, topic, key, headers = {}, body } = message;
  const contentType = headers[WIRE_HEADERS.contentType] ?? JSON_TYPE;
  const text = JSON.stringify;
  let head = `{"specversion":"1.0","id":${text(id)},"source":${text(encodeURIComponent(source))}`;
  head += `,"type":${text(headers[WIRE_HEADERS.type] ?? topic)},"time":"${new Date(timeMs).toISOString()}"`;
  head += contentType === JSON_TYPE ? JSON_ATTRIBUTE : `,"datacontenttype":${text(contentType)}`;
  if (key !== undefined) head += `,"${KEY_ATTRIBUTE}":${text(key)}`;
  head += attributesOf(headers);
  if (body === null) return Buffer.from(`${head}}`);
  if (isEmbeddable(body, contentType)) return withData(`${head},"data":`, body);
  return Buffer.from(`${head},"data_base64":"${body.toString('base64')}"}`);
}

const JSON_ATTRIBUTE = `,"datacontenttype":"${JSON_TYPE}"`;
const CLOSE_BRACE = 0x7d;
/** UTF-8 needs at most three bytes for a unit of UTF-16. */
const MAX_UTF8_BYTES = 3;

/** n.b. hot path: one buffer, and no copy in between. */
function withData(head: string, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head.length * MAX_UTF8_BYTES + body.length + 1);
  const headBytes = bytes.write(head);
  body.copy(bytes, headBytes);
  const end = headBytes + body.length;
  bytes[end] = CLOSE_BRACE;
  return bytes.subarray(0, end + 1);
}

function attributesOf(headers: Headers): string {
  let attributes = '';
  let others: Record<string, string> | undefined;
  for (const name in headers) {
    if (OWN_HEADERS.has(name)) continue;
    const value = headers[name] as string;
    if (ATTRIBUTE_NAME.test(name) && !OWN_ATTRIBUTES.has(name) && ATTRIBUTE_TEXT.test(value)) {
      attributes += `,"${name}":${JSON.stringify(value)}`;
    } else {
      (others ??= {})[name] = value;
    }
  }
  if (others === undefined) return attributes;
  return `${attributes},"${HEADERS_ATTRIBUTE}":${JSON.stringify(JSON.stringify(others))}`;
}

/** Whether the bytes can stand in the event as they are, and be found again byte for byte. */
function isEmbeddable(body: Buffer, contentType: string): boolean {
  const first = body[0];
  const last = body[body.length - 1];
  if (first === undefined || last === undefined || first <= 0x20 || last <= 0x20) return false;
  return (contentType === JSON_TYPE || isJsonContentType(contentType)) && isUtf8(body) && jsonOf(body) !== undefined;
}

/** A message as it was meant. */
export interface Unwrapped {
  /** undefined: the body was no CloudEvent, and is taken as it is. */
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly body: Buffer | null;
  /** As it was written; it may be no time at all. */
  readonly time: string | undefined;
}

const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>);
const SPEC_VERSION = Buffer.from('"specversion"');

/** What is around a body that is no CloudEvent. */
export const bare = (body: Buffer): Unwrapped => ({
  id: undefined,
  key: undefined,
  headers: NO_HEADERS,
  body,
  time: undefined,
});

/** Reads what `wrap` wrote, and what other programs wrote as CloudEvents. Total: what is neither is a bare body. */
export function unwrap(stored: Buffer, topic: string): Unwrapped {
  const members = stored.includes(SPEC_VERSION) ? JsonMembers.of(stored) : undefined;
  if (members === undefined) return bare(stored);
  const [id, source, type] = [members.text('id'), members.text('source'), members.text('type')];
  const contentType = members.text('datacontenttype') ?? JSON_TYPE;
  const body = dataOf(members, contentType);
  if (members.text('specversion') !== '1.0' || !id || !source || !type || body === undefined) return bare(stored);
  return {
    id,
    key: members.text(KEY_ATTRIBUTE) || undefined,
    headers: headersOf(members, id, type === topic ? undefined : type, contentType),
    body,
    time: members.text('time'),
  };
}

/** undefined: the event is broken. */
function dataOf(members: JsonMembers, contentType: string): Buffer | null | undefined {
  if (members.bytes('data_base64') !== undefined) {
    const text = members.text('data_base64');
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  }
  // A text of another type stands in the event as a JSON string.
  const text = isJsonContentType(contentType) ? undefined : members.text('data');
  return text === undefined ? (members.bytes('data') ?? null) : Buffer.from(text);
}

function headersOf(members: JsonMembers, id: string, type: string | undefined, contentType: string): Headers {
  const headers = Object.create(null) as Record<string, string>;
  for (const name of members.names) {
    const text = OWN_ATTRIBUTES.has(name) ? undefined : (members.text(name) ?? plainValue(members.bytes(name)));
    if (text !== undefined) headers[name.toLowerCase()] = text;
  }
  addOthers(headers, members.text(HEADERS_ATTRIBUTE));
  headers[WIRE_HEADERS.id] = id;
  if (type !== undefined) headers[WIRE_HEADERS.type] = type;
  if (contentType !== JSON_TYPE) headers[WIRE_HEADERS.contentType] = contentType;
  return headers;
}

/** Numbers and truths are attributes too. */
function plainValue(value: Buffer | undefined): string | undefined {
  const text = value?.toString() ?? '';
  return /^(-?\d+|true|false)$/.test(text) ? text : undefined;
}

function addOthers(headers: Record<string, string>, text: string | undefined): void {
  const others = text === undefined ? undefined : jsonOf(text);
  if (typeof others !== 'object' || others === null || Array.isArray(others)) return;
  for (const [name, value] of Object.entries(others)) {
    // n.b. an own attribute says these, and another program must not say them twice.
    if (typeof value === 'string' && !OWN_HEADERS.has(name)) headers[name.toLowerCase()] = value;
  }
}
