import { createHash } from 'node:crypto';
import { DEAD_LETTER_HEADERS, WIRE_HEADERS, type Headers, type OutgoingMessage } from '../../contract/index.js';

/** A message as the NATS client read it: `context.raw`. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Where an answer goes, or with JetStream the settlement. */
  readonly reply?: string;
  readonly headers?: NatsHeaders | undefined;
}

/** The part of the client's headers that is read; several values may have one name. */
export interface NatsHeaders extends Iterable<[name: string, values: string[]]> {
  /** The names, as they were written. */
  keys(): string[];
  /** All values of one name; empty where there is none. */
  values(name: string): string[];
}

/** Where JetStream stored a message, and how often it was delivered; it writes that into the address of the settlement. */
export interface StreamPlace {
  readonly stream: string;
  readonly consumer: string;
  /** 1 on the first delivery. */
  readonly deliveries: number;
  readonly sequence: number;
  /** Which delivery of the consumer it is, over all of its messages and members; the first is 1. */
  readonly deliverySequence: number;
  /** Milliseconds since the epoch. */
  readonly storedAtMs: number;
  /** Messages of the consumer that were not delivered yet. */
  readonly pending: number;
}

/** The header that JetStream recognises a repeated publish by; on NATS it carries the message's id. */
export const ID_HEADER = 'Nats-Msg-Id';
const NONE = 'none';

/** Whether a header name is the server's: it would act on it, or has written it. */
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

/** The address for another message of the consumer, of which only the number is known; @param delivered deliveries of the consumer by now */
export function addressOf(known: string, sequence: number, delivered: number): string {
  const words = known.split('.');
  const first = words.length === 9 ? 2 : 4;
  return words
    .with(first + 2, '1')
    .with(first + 3, String(sequence))
    .with(first + 4, String(delivered))
    .join('.');
}

/** What makes one dead letter of a message different from another: who failed on which delivery, and when. */
const DEAD_LETTER_IDENTITY = [
  DEAD_LETTER_HEADERS.group,
  DEAD_LETTER_HEADERS.topic,
  DEAD_LETTER_HEADERS.partition,
  DEAD_LETTER_HEADERS.offset,
  DEAD_LETTER_HEADERS.attempts,
  DEAD_LETTER_HEADERS.lastFailedAt,
] as const;

/**
 * The `Nats-Msg-Id` of a dead letter; undefined when the message is none. A dead letter has the id of its original, so by that id
 * JetStream would drop the second dead letter of one message. The same dead letter has the same id each time it is sent.
 */
export function deadLetterId({ id, topic, headers = {} }: OutgoingMessage): string | undefined {
  if (DEAD_LETTER_IDENTITY.every((name) => headers[name] === undefined)) return undefined;
  const identity = [topic, ...DEAD_LETTER_IDENTITY.map((name) => headers[name] ?? null)];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('base64url');
  return `${id}/${hash.slice(0, 22)}`;
}

/** What goes on the wire beside the body, in the order it is written. */
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

/** What a received message says beside its body. */
export interface ReadHeaders {
  /** By lower-case name; of repeated ones the last. What the server and the drivers say among themselves is left out. */
  readonly headers: Headers;
  readonly key: string | undefined;
  readonly hasBody: boolean;
  readonly replyTo: string | undefined;
}

const NOTHING: ReadHeaders = { headers: Object.freeze({}), key: undefined, hasBody: true, replyTo: undefined };

/** n.b. total: the client throws on names that a foreign program should not have written. */
export function readHeaders(message: NatsMessage): ReadHeaders {
  try {
    return message.headers === undefined ? NOTHING : read(message.headers);
  } catch {
    return NOTHING;
  }
}

/** n.b. hot path: once a message. */
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

/** RFC 2047, as mail writes what does not fit into a line. */
const ENCODED_WORD = /^=\?utf-8\?b\?([A-Za-z0-9+/]*={0,2})\?=$/i;

/**
 * A header is a line of text, and clients cut the white space around it. What would not survive that is written as an
 * encoded word; everything else, UTF-8 too, as it is.
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
