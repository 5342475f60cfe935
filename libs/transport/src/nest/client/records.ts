import { NatsRecord, RmqRecord } from '@nestjs/microservices';
import { TransportError, type Headers } from '../../contract/index.js';
import type { PublishOptions } from '../../publishing/index.js';

/** One message of a call of Nest's client: payload and options. */
export interface Unwrapped {
  readonly data: unknown;
  readonly options: PublishOptions;
  /** Names of options that the record has and a message of ours cannot carry. */
  readonly left: readonly string[];
}

/** The members of a Kafka record. Nest takes every object with `key` or `value` for one; a payload has other fields too. */
const KAFKA_FIELDS: ReadonlySet<string> = new Set(['key', 'value', 'headers', 'partition', 'timestamp']);

/**
 * The payload in a record of Nest, and what the record says about the message: `{ key, value, headers }` on Kafka,
 * `NatsRecordBuilder` and `RmqRecordBuilder` on every broker. Anything else is a payload as it is.
 * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE` for a Kafka record without a value
 */
export function unwrapped(data: unknown, driver: string): Unwrapped {
  if (typeof data !== 'object' || data === null) return { data, options: {}, left: [] };
  if (isRecord(data, NatsRecord)) return { data: data.data, options: headersOption(data.headers), left: [] };
  if (isRecord(data, RmqRecord)) return ofRmq(data);
  return driver === 'kafka' && isKafkaRecord(data) ? ofKafka(data) : { data, options: {}, left: [] };
}

/** Compares the class name as well: an application may hold two copies of @nestjs/microservices. */
const isRecord = <Type extends object>(data: object, type: abstract new (...args: never[]) => Type): data is Type =>
  data instanceof type || (data.constructor as { readonly name?: string } | undefined)?.name === type.name;

interface KafkaRecord {
  readonly key?: unknown;
  readonly value: unknown;
  readonly headers?: unknown;
  readonly partition?: unknown;
}

const isKafkaRecord = (data: object): data is KafkaRecord =>
  'value' in data && !Array.isArray(data) && Object.keys(data).every((name) => KAFKA_FIELDS.has(name));

function ofKafka(record: KafkaRecord): Unwrapped {
  const { key, value, headers, partition } = record;
  if (value === undefined || value === null) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNENCODABLE',
      'TransportClient cannot publish a record without a value (a tombstone). Use a producer of the Kafka client for it.',
      { stored: 'no' },
    );
  }
  const options = {
    ...(key === undefined || key === null ? {} : { key: textOf(key) }),
    ...headersOption(headers),
    ...(partition === undefined || partition === null ? {} : { partition: partition as number }),
  };
  return { data: value, options, left: 'timestamp' in record ? ['timestamp'] : [] };
}

function ofRmq({ data, options = {} }: RmqRecord): Unwrapped {
  const { headers, messageId, ...others } = options;
  const left = Object.keys(others).filter((name) => (others as Record<string, unknown>)[name] !== undefined);
  return { data, options: { ...headersOption(headers), ...(messageId === undefined ? {} : { id: messageId }) }, left };
}

function headersOption(given: unknown): { headers?: Headers } {
  const texts = entriesOf(given).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [[name, textOf(Array.isArray(value) ? value.at(-1) : value)] as const],
  );
  return texts.length === 0 ? {} : { headers: Object.fromEntries(texts) };
}

/** The headers of the NATS client, and a Map, have methods instead of properties. */
function entriesOf(given: unknown): readonly (readonly [string, unknown])[] {
  if (typeof given !== 'object' || given === null) return [];
  const { keys, get } = given as { readonly keys?: unknown; readonly get?: unknown };
  if (typeof keys !== 'function' || typeof get !== 'function') return Object.entries(given);
  const names = [...(keys.call(given) as Iterable<string>)];
  return names.map((name) => [name, get.call(given, name) as unknown]);
}

/** As Nest's serializer for Kafka writes keys: bytes and texts as they are, plain objects as JSON. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return String(value);
  return value.toString === Object.prototype.toString || Array.isArray(value) ? JSON.stringify(value) : String(value);
}
