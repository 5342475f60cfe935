import type { Type } from 'avsc';
import { messageOf, TransportError, type Codec } from '../contract/index.js';
import { checkOptions, loadPeer, unloaded, option, type OptionRule } from '../shared/index.js';
import { AvroReaders, type Avsc } from './avro-readers.js';
import { frame, unframe } from './confluent-frame.js';
import { lazyCodec, type Coder } from './lazy-codec.js';
import { refusePoisoned } from './poisoned.js';
import {
  REGISTRY_CODEC_DEFAULTS,
  REGISTRY_CODEC_RULES,
  requireRegistry,
  SchemaIds,
  type RegistryCodecOptions,
} from './subject.js';
import { unencodable } from './unencodable.js';

/** How Avro payloads find their schemas. */
export interface AvroOptions extends RegistryCodecOptions {
  /**
   * The schema that is written with, and that whatever is read is made to fit; an object, or its text.
   * @default none: payloads are read as they were written, and are published only with `useLatestVersion`
   */
  readonly schema?: object | string;
}

/** The defaults of `avro`. */
export const AVRO_DEFAULTS = REGISTRY_CODEC_DEFAULTS;

const RULES = {
  ...REGISTRY_CODEC_RULES,
  schema: option.either(option.text, option.record),
} as const satisfies Record<keyof AvroOptions, OptionRule>;

/**
 * Avro with a schema registry, byte for byte as Confluent's serializers write it: any of their programs reads it, and it reads
 * theirs. Content type `application/vnd.confluent.avro`; what says none is read too, as theirs does not. Needs the package `avsc`.
 *
 * A message is read with the schema it was written with and made to fit `schema`, so writers and readers may differ as far
 * as Avro allows. Numbers above 2^53 do not decode. The first message of a schema waits for the registry, the others do not.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function avro(options: AvroOptions): Codec {
  checkOptions('avro()', options, RULES);
  requireRegistry('avro()', options);
  return lazyCodec('application/vnd.confluent.avro', [], () => load(options));
}

async function load(options: AvroOptions): Promise<Coder> {
  const avsc: Avsc = await loadPeer(undefined, 'avsc', 'The codec avro()', async () => {
    try {
      return await import('avsc');
    } catch (error) {
      return unloaded(error);
    }
  });
  const own = options.schema === undefined ? undefined : typeOf(avsc, options.schema);
  const readers = new AvroReaders(avsc, options.registry, own);
  const encode = options.useLatestVersion === true ? latestEncoder(options, readers) : encoderOf(own, options);
  return {
    encode,
    decode(body) {
      const { schemaId, payload } = unframe(body);
      const reader = readers.of(schemaId);
      return reader instanceof Promise
        ? reader.then((read) => refusePoisoned(payload, read(payload)))
        : refusePoisoned(payload, reader(payload));
    },
  };
}

function typeOf(avsc: Avsc, schema: object | string): Type {
  try {
    const parsed: unknown = typeof schema === 'string' ? JSON.parse(schema) : schema;
    return avsc.Type.forSchema(parsed as Parameters<Avsc['Type']['forSchema']>[0], { omitRecordMethods: true });
  } catch (cause) {
    throw new TransportError('TRANSPORT_OPTION_INVALID', `avro(): schema is no Avro schema: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

function refuseToEncode(): never {
  throw unencodable(
    'cannot be written: this avro() has no schema. Write avro({ registry, schema }), or useLatestVersion: true',
  );
}

function encoderOf(type: Type | undefined, options: AvroOptions): Coder['encode'] {
  const { schema } = options;
  if (type === undefined || schema === undefined) return refuseToEncode;
  const text = typeof schema === 'string' ? schema : JSON.stringify(schema);
  const ids = new SchemaIds(options, { schema: text, schemaType: 'AVRO', references: [] });
  return (payload, topic) => {
    const bytes = bytesOf(type, payload);
    const id = ids.of(topic);
    return typeof id === 'number' ? frame(id, bytes) : id.then((known) => frame(known, bytes));
  };
}

/** n.b. what Avro writes depends on the schema, so the type is that of the version whose id is written. */
function latestEncoder(options: AvroOptions, readers: AvroReaders): Coder['encode'] {
  const ids = new SchemaIds(options, { schema: '', schemaType: 'AVRO', references: [] });
  const types = new Map<number, Type>();
  const first = async (payload: unknown, found: number | Promise<number>): Promise<Buffer> => {
    const id = await found;
    const type = await readers.typeOf(id);
    types.set(id, type);
    return frame(id, bytesOf(type, payload));
  };
  return (payload, topic) => {
    const id = ids.of(topic);
    const type = typeof id === 'number' ? types.get(id) : undefined;
    return type === undefined ? first(payload, id) : frame(id as number, bytesOf(type, payload));
  };
}

/** n.b. checked first, because what the library throws while it writes quotes the payload. */
function bytesOf(type: Type, payload: unknown): Buffer {
  const bad: string[] = [];
  if (!type.isValid(payload, { errorHook: (path) => bad.push(path.join('.')) })) {
    const where = bad[0] === undefined || bad[0] === '' ? '' : `, see its field "${bad[0]}"`;
    throw unencodable(`does not fit the Avro schema "${type.name ?? type.typeName}"${where}`);
  }
  return type.toBuffer(payload);
}
