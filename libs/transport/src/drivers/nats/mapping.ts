import { createHash } from 'node:crypto';
import { DEAD_LETTER_HEADERS, WIRE_HEADERS, type Headers, type OutgoingMessage } from '../../contract/index.js';

/** A message as the NATS client read it; available as `context.raw`. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** The reply subject; with JetStream the subject of the settlement. */
  readonly reply?: string;
  readonly headers?: NatsHeaders | undefined;
}

/** The headers of the NATS client; a name can have several values. */
export interface NatsHeaders extends Iterable<[name: string, values: string[]]> {
  /** Returns the names as they were written. */
  keys(): string[];
  /** Returns all values of a name; empty if the name is missing. */
  values(name: string): string[];
}

/** Where JetStream stored a message and how often it was delivered, as its settlement subject says. */
export interface StreamPlace {
  readonly stream: string;
  readonly consumer: string;
  /** 1 on the first delivery. */
  readonly deliveries: number;
  readonly sequence: number;
  /** The number of the delivery, over all messages and members of the consumer; the first is 1. */
  readonly deliverySequence: number;
  /** Milliseconds since the epoch. */
  readonly storedAtMs: number;
  /** Messages of the consumer that are not delivered yet. */
  readonly pending: number;
}

/** The header by which JetStream detects duplicates; it carries the id of the message. */
export const ID_HEADER = 'Nats-Msg-Id';
const NONE = 'none';

/** Whether the server owns a header name: it acts on it, or has written it. */
export const isServerHeader = (name: string): boolean => /^nats-/i.test(name);

/**
 * ```
 * $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<...>.<nanoseconds>.<pending>
 * $JS.ACK.<domain>.<account>.<stream>.<consumer>.<deliveries>.<sequence>.<...>.<nanoseconds>.<pending>[.<random>]
 * ```
 * undefined when it is no such address.
 */
export function placeOf(reply: string | undefined): StreamPlace | undefined {
  const words = reply?.split('.') ?? [];
  if (words[0] !== '$JS' || words[1] !== 'ACK' || words.length < 9 || words.length === 10) return undefined;
  const first = words.length === 9 ? 2 : 4;
  const number = (offset: number): number => Number(words[first + offset]);
  return {
    stream: words[first] as string,
    consumer: words[first + 1] as string,
    deliveries: number(2),
    sequence: number(3),
    deliverySequence: number(4),
    storedAtMs: Math.floor(number(5) / 1e6),
    pending: number(6),
  };
}

/**
 * Builds the settlement subject of another message of the consumer from its sequence.
 * @param delivered deliveries of the consumer so far
 */
export function addressOf(known: string, sequence: number, delivered: number): string {
  const words = known.split('.');
  const first = words.length === 9 ? 2 : 4;
  return words
    .with(first + 2, '1')
    .with(first + 3, String(sequence))
    .with(first + 4, String(delivered))
    .join('.');
}

/** What distinguishes two dead letters of a message: the group, the delivery that failed, and the time. */
const DEAD_LETTER_IDENTITY = [
  DEAD_LETTER_HEADERS.group,
  DEAD_LETTER_HEADERS.topic,
  DEAD_LETTER_HEADERS.partition,
  DEAD_LETTER_HEADERS.offset,
  DEAD_LETTER_HEADERS.attempts,
  DEAD_LETTER_HEADERS.lastFailedAt,
] as const;

/**
 * Returns the `Nats-Msg-Id` of a dead letter; undefined for other messages. A dead letter has the id of its original, so JetStream
 * would drop the second dead letter of a message as a duplicate. The same dead letter gets the same id each time it is sent.
 */
export function deadLetterId({ id, topic, headers = {} }: OutgoingMessage): string | undefined {
  if (DEAD_LETTER_IDENTITY.every((name) => headers[name] === undefined)) return undefined;
  const identity = [topic, ...DEAD_LETTER_IDENTITY.map((name) => headers[name] ?? null)];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
  return `${id}/${hash.slice(0, 22)}`;
}

/** Returns the headers to send, in the order in which they are written. */
export function headersToWrite({ id, key, body, headers }: OutgoingMessage): [name: string, value: string][] {
  const written: [string, string][] = [[ID_HEADER, wireText(id)]];
  if (key !== undefined) written.push([WIRE_HEADERS.key, wireText(key)]);
  if (body === null) written.push([WIRE_HEADERS.body, NONE]);
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (name === WIRE_HEADERS.id && value === id) continue;
    if (!isServerHeader(name)) written.push([name, wireText(value)]);
  }
  return written;
}

/** What the headers of a received message say. */
export interface ReadHeaders {
  /** By lower-case name; the last value of a repeated name. Headers that the server and the drivers use themselves are left out. */
  readonly headers: Headers;
  readonly key: string | undefined;
  readonly hasBody: boolean;
  readonly replyTo: string | undefined;
}

const NOTHING: ReadHeaders = { headers: Object.freeze({}), key: undefined, hasBody: true, replyTo: undefined };

/** Never throws, although the client does for header names that a foreign program wrote wrongly. */
export function readHeaders(message: NatsMessage): ReadHeaders {
  try {
    return message.headers === undefined ? NOTHING : read(message.headers);
  } catch {
    return NOTHING;
  }
}

/** Hot path: runs once per message. */
function read(raw: NatsHeaders): ReadHeaders {
  const headers = Object.create(null) as Record<string, string>;
  let key: string | undefined;
  let body: string | undefined;
  let replyTo: string | undefined;
  for (const [name, values] of raw) {
    const value = textOf(values.at(-1) ?? '');
    const lowerCase = name.toLowerCase();
    if (lowerCase === 'nats-msg-id') headers[WIRE_HEADERS.id] ??= value;
    else if (lowerCase === WIRE_HEADERS.key) key = value;
    else if (lowerCase === WIRE_HEADERS.body) body = value;
    else if (lowerCase === WIRE_HEADERS.replyTo) replyTo = value;
    else if (!isServerHeader(lowerCase)) headers[lowerCase] = value;
  }
  return { headers, key: key || undefined, hasBody: body !== NONE, replyTo };
}

/** An encoded word of RFC 2047, as in mail headers. */
const ENCODED_WORD = /^=\?utf-8\?b\?([A-Za-z0-9+/]*={0,2})\?=$/i;

/**
 * A header is one line of text, and clients trim it. A value that would not survive is written as an encoded word; every other
 * value, including UTF-8, as it is.
 */
export function wireText(value: string): string {
  const survives =
    !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value) && value.trim() === value && !ENCODED_WORD.test(value);
  return survives ? value : `=?utf-8?B?${Buffer.from(value).toString('base64')}?=`;
}

function textOf(value: string): string {
  if (!value.startsWith('=?')) return value;
  const encoded = ENCODED_WORD.exec(value)?.[1];
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString();
}
