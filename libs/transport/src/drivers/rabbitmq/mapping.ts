import { WIRE_HEADERS, type Headers, type OutgoingMessage } from '../../contract/index.js';
import { REST_HEADERS } from './topology/ladder.js';

/** The message as RabbitMQ delivered it (`context.raw`). */
export interface RabbitmqRecord {
  readonly content: Buffer;
  readonly fields: {
    readonly deliveryTag: number;
    readonly redelivered: boolean;
    readonly exchange: string;
    readonly routingKey: string;
    readonly consumerTag: string;
  };
  /** The AMQP properties. Unset properties are undefined. */
  readonly properties: RabbitmqProperties;
}

/** The AMQP properties of a message. */
export interface RabbitmqProperties {
  readonly messageId?: string | undefined;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly type?: string | undefined;
  /** Seconds since the epoch. */
  readonly timestamp?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly expiration?: string | undefined;
  /** 0 to 255. It has an effect only in a priority queue. */
  readonly priority?: number | undefined;
  /** 2 is persistent, 1 is transient. */
  readonly deliveryMode?: number | undefined;
  readonly userId?: string | undefined;
  readonly appId?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

/** A message to publish: bytes and AMQP properties. */
export interface OutgoingRecord {
  readonly content: Buffer;
  readonly properties: RabbitmqProperties;
}

/** Headers that the driver sets on a message in a delay queue. Handlers never see them. */
export const OWN_HEADERS = {
  /** Attempts that have failed. */
  attempts: 'x-transport-attempts',
  topic: 'x-transport-topic',
  /** Earliest time of the next attempt, in ms since the epoch. Only set when no delay queue is long enough. */
  due: 'x-transport-due',
} as const;

const DELIVERY_COUNT = 'x-delivery-count';
/** Headers of the broker, which describe its queues and not the message. */
const BROKERS_HEADERS = new Set([
  ...['x-death', 'x-first-death-exchange', 'x-first-death-queue', 'x-first-death-reason'],
  ...['x-last-death-exchange', 'x-last-death-queue', 'x-last-death-reason'],
  ...[DELIVERY_COUNT, 'x-acquired-count', 'x-opt-delivery-time', 'cc', 'bcc'],
]);
const RESERVED = new Set<string>([...BROKERS_HEADERS, ...Object.values(OWN_HEADERS), ...REST_HEADERS]);
/** Headers that have their own field in AMQP or in the delivery. */
const ELSEWHERE = new Set<string>([WIRE_HEADERS.key, WIRE_HEADERS.body]);
const NONE = 'none';

/** AMQP short strings have one byte for their length. */
const MAX_SHORT_BYTES = 255;
const fitsShort = (text: string): boolean =>
  text.length <= MAX_SHORT_BYTES && Buffer.byteLength(text) <= MAX_SHORT_BYTES;

/** Returns the first header that broker or driver reserve; undefined when there is none. */
export function reservedHeader(headers: Headers | undefined): string | undefined {
  for (const name in headers) if (RESERVED.has(name)) return name;
  return undefined;
}

/**
 * Converts a message for the wire. Id, type, content type and correlation id become AMQP properties if they fit.
 * Hot path: the table is built up, because an object with deleted properties is slow.
 */
export function recordOf({ id, key, body, headers }: OutgoingMessage, now: number): OutgoingRecord {
  const table: Record<string, string> = {};
  const messageId = fitsShort(id) ? id : undefined;
  if (messageId === undefined) table[WIRE_HEADERS.id] = id;
  if (key !== undefined) table[WIRE_HEADERS.key] = key;
  if (body === null) table[WIRE_HEADERS.body] = NONE;
  let type: string | undefined;
  let contentType: string | undefined;
  let correlationId: string | undefined;
  for (const name in headers) {
    const value = headers[name] as string;
    if (name === WIRE_HEADERS.type && fitsShort(value)) type = value;
    else if (name === WIRE_HEADERS.contentType && fitsShort(value)) contentType = value;
    else if (name === WIRE_HEADERS.correlationId && fitsShort(value)) correlationId = value;
    else if (name !== WIRE_HEADERS.id) table[name] ??= value;
  }
  const timestamp = Math.floor(now / 1_000);
  return {
    content: body ?? EMPTY,
    properties: { messageId, type, contentType, correlationId, deliveryMode: PERSISTENT, timestamp, headers: table },
  };
}

const EMPTY = Buffer.alloc(0);
const PERSISTENT = 2;

/**
 * Creates the copy of a delivery that waits for its next attempt. It leaves out what would make RabbitMQ reject it, route it elsewhere
 * or expire it early: the user id, CC and expiration of another program.
 */
export function delayedCopyOf(
  record: RabbitmqRecord,
  id: string,
  notes: Readonly<Record<string, string | number>>,
): OutgoingRecord {
  const { userId: _user, expiration: _expiration, headers = {}, ...properties } = record.properties;
  const own = Object.entries(headers).filter(([name]) => !RESERVED.has(name.toLowerCase()));
  const messageId = properties.messageId ?? (fitsShort(id) ? id : undefined);
  return {
    content: record.content,
    properties: {
      ...properties,
      messageId,
      deliveryMode: PERSISTENT,
      headers: { ...Object.fromEntries(own), ...notes },
    },
  };
}

/** Returns the headers that handlers see, by lower-case name. */
export function headersOf({ properties }: RabbitmqRecord): Headers {
  const headers = Object.create(null) as Record<string, string>;
  const { messageId, type, contentType, correlationId } = properties;
  if (messageId !== undefined) headers[WIRE_HEADERS.id] = messageId;
  if (type !== undefined) headers[WIRE_HEADERS.type] = type;
  if (contentType !== undefined) headers[WIRE_HEADERS.contentType] = contentType;
  if (correlationId !== undefined) headers[WIRE_HEADERS.correlationId] = correlationId;
  for (const [givenName, value] of Object.entries(properties.headers ?? {})) {
    const name = givenName.toLowerCase();
    const text = RESERVED.has(name) || ELSEWHERE.has(name) ? undefined : textOf(value);
    if (text !== undefined) headers[name] = text;
  }
  return headers;
}

export const keyOf = (record: RabbitmqRecord): string | undefined =>
  textOf(record.properties.headers?.[WIRE_HEADERS.key]);

/** Returns the payload, or null for a message that is marked as empty. */
export function bodyOf({ content, properties }: RabbitmqRecord): Buffer | null {
  return content.length === 0 && properties.headers?.[WIRE_HEADERS.body] === NONE ? null : content;
}

export function idOf({ properties }: RabbitmqRecord): string | undefined {
  return textOf(properties.headers?.[WIRE_HEADERS.id]) ?? (properties.messageId || undefined);
}

export function publishedAtOf({ properties: { timestamp } }: RabbitmqRecord): Date | undefined {
  const at = typeof timestamp === 'number' ? new Date(timestamp * 1_000) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
}

/** The delivery history of a message, from its headers. */
export interface Past {
  /** Attempts before this one. */
  readonly attempts: number;
  /** Deliveries of this copy before this one, as the broker counts them. */
  readonly deliveries: number;
  /** The original topic of a message that comes from a delay queue. */
  readonly topic: string | undefined;
  /** Earliest time of the next attempt, in ms since the epoch; 0 when it is due. */
  readonly dueAt: number;
}

/** Reads the history. The driver's headers are trusted only on messages routed by queue name, never on those published to an exchange. */
export function pastOf({ fields, properties: { headers = {} } }: RabbitmqRecord): Past {
  const noted = fields.exchange === '';
  const counted = numberOf(headers[DELIVERY_COUNT]);
  // A classic queue does not count deliveries; it only marks a redelivery.
  const deliveries = counted > 0 ? counted : Number(fields.redelivered);
  const before = noted ? numberOf(headers[OWN_HEADERS.attempts]) : 0;
  return {
    attempts: before + deliveries,
    deliveries,
    topic: noted ? textOf(headers[OWN_HEADERS.topic]) : undefined,
    dueAt: noted ? numberOf(headers[OWN_HEADERS.due]) : 0,
  };
}

/** Why, and from which queue, the server removed a message last. */
export interface Death {
  readonly queue: string;
  readonly reason: string;
  /** The topic it was published to. */
  readonly topic: string | undefined;
}

/** The newest entry of `x-death`; undefined when there is none. */
export function lastDeathOf(record: RabbitmqRecord): Death | undefined {
  const deaths = record.properties.headers?.['x-death'];
  const [last] = (Array.isArray(deaths) ? deaths : []) as Readonly<Record<string, unknown>>[];
  const [queue, reason] = [textOf(last?.['queue']), textOf(last?.['reason'])];
  if (last === undefined || queue === undefined || reason === undefined) return undefined;
  const [routingKey] = (last['routing-keys'] ?? []) as unknown[];
  const topic = last['exchange'] === '' ? pastOf(record).topic : textOf(routingKey);
  return { queue, reason, topic };
}

function numberOf(value: unknown): number {
  const number = Number(textOf(value) ?? 0);
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}

/** Returns a header value as text; undefined for tables and lists, which are available under `raw`. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (Buffer.isBuffer(value)) return value.toString();
  return timestampText(value);
}

/** amqplib represents a timestamp in a table as `{ '!': 'timestamp', value: seconds }`. */
function timestampText(value: unknown): string | undefined {
  const { '!': kind, value: seconds } = (value ?? {}) as { '!'?: unknown; value?: unknown };
  if (kind !== 'timestamp' || typeof seconds !== 'number') return undefined;
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
