import { isUtf8 } from 'node:buffer';
import { WIRE_HEADERS, isJsonContentType, type Headers, type OutgoingMessage } from '../../contract/index.js';
import { jsonOf, membersOf, textOf } from './json-members.js';

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
  head += `,"datacontenttype":${text(contentType)}`;
  if (key !== undefined) head += `,"${KEY_ATTRIBUTE}":${text(key)}`;
  head += attributesOf(headers);
  if (body === null) return Buffer.from(`${head}}`);
  if (isEmbeddable(body, contentType)) return Buffer.concat([Buffer.from(`${head},"data":`), body, END]);
  return Buffer.from(`${head},"data_base64":"${body.toString('base64')}"}`);
}

const END = Buffer.from('}');

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
  return isJsonContentType(contentType) && isUtf8(body) && jsonOf(body) !== undefined;
}

/** A message as it was meant. */
export interface Unwrapped {
  /** undefined: the body was no CloudEvent, and is taken as it is. */
  readonly id: string | undefined;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly body: Buffer | null;
  readonly publishedAt: Date | undefined;
}

const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>);
const SPEC_VERSION = Buffer.from('"specversion"');

/** What is around a body that is no CloudEvent. */
export const bare = (body: Buffer): Unwrapped => ({
  id: undefined,
  key: undefined,
  headers: NO_HEADERS,
  body,
  publishedAt: undefined,
});

/** Reads what `wrap` wrote, and what other programs wrote as CloudEvents. Total: what is neither is a bare body. */
export function unwrap(stored: Buffer, topic: string): Unwrapped {
  const members = stored.includes(SPEC_VERSION) ? membersOf(stored) : undefined;
  if (members === undefined) return bare(stored);
  const attribute = (name: string): string | undefined => textOf(members.get(name) ?? NOTHING) || undefined;
  const [id, source, type] = [attribute('id'), attribute('source'), attribute('type')];
  const body = dataOf(members, attribute('datacontenttype'));
  if (attribute('specversion') !== '1.0' || !id || !source || !type || body === undefined) return bare(stored);
  const time = new Date(attribute('time') ?? Number.NaN);
  return {
    id,
    key: attribute(KEY_ATTRIBUTE),
    headers: headersOf(members, { id, type: type === topic ? undefined : type }),
    body,
    publishedAt: Number.isNaN(time.getTime()) ? undefined : time,
  };
}

const NOTHING = Buffer.alloc(0);

/** undefined: the event is broken. */
function dataOf(members: ReadonlyMap<string, Buffer>, contentType = JSON_TYPE): Buffer | null | undefined {
  const encoded = members.get('data_base64');
  if (encoded !== undefined) {
    const text = textOf(encoded);
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  }
  const data = members.get('data');
  if (data === undefined) return null;
  // A text of another type stands in the event as a JSON string.
  const text = isJsonContentType(contentType) ? undefined : textOf(data);
  return text === undefined ? data : Buffer.from(text);
}

function headersOf(
  members: ReadonlyMap<string, Buffer>,
  { id, type }: { readonly id: string; readonly type: string | undefined },
): Headers {
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of members) {
    if (OWN_ATTRIBUTES.has(name)) continue;
    const text =
      textOf(value) ?? (/^[\d-]|^(true|false)$/.test(value.toString('latin1')) ? value.toString() : undefined);
    if (text !== undefined) headers[name.toLowerCase()] = text;
  }
  addOthers(headers, members.get(HEADERS_ATTRIBUTE));
  headers[WIRE_HEADERS.id] = id;
  if (type !== undefined) headers[WIRE_HEADERS.type] = type;
  const contentType = textOf(members.get('datacontenttype') ?? NOTHING);
  if (contentType !== undefined && contentType !== JSON_TYPE) headers[WIRE_HEADERS.contentType] = contentType;
  return headers;
}

function addOthers(headers: Record<string, string>, attribute: Buffer | undefined): void {
  const text = attribute === undefined ? undefined : textOf(attribute);
  const others = text === undefined ? undefined : jsonOf(text);
  if (typeof others !== 'object' || others === null || Array.isArray(others)) return;
  for (const [name, value] of Object.entries(others)) {
    // n.b. an own attribute says these, and another program must not say them twice.
    if (typeof value === 'string' && !OWN_HEADERS.has(name)) headers[name.toLowerCase()] = value;
  }
}
