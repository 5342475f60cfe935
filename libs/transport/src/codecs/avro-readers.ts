import type { Schema, Type } from 'avsc';
import { messageOf, TransportError } from '../contract/index.js';
import type { RegisteredSchema, SchemaRegistry } from './schema-registry.js';

export type Avsc = typeof import('avsc');
export type AvroReader = (payload: Buffer) => unknown;

/** Limits nested references between schemas; no real schema needs this many. */
const MAX_REFERENCES = 100;

/** Caches how messages are read, by the id of the schema they were written with. */
export class AvroReaders {
  readonly #avsc: Avsc;
  readonly #registry: SchemaRegistry;
  readonly #own: Type | undefined;
  readonly #readers = new Map<number, AvroReader>();

  /** @param own the schema that results are converted to; undefined keeps the writer's form */
  constructor(avsc: Avsc, registry: SchemaRegistry, own: Type | undefined) {
    this.#avsc = avsc;
    this.#registry = registry;
    this.#own = own;
  }

  of(schemaId: number): AvroReader | Promise<AvroReader> {
    return this.#readers.get(schemaId) ?? this.#make(schemaId);
  }

  /** Returns the type of a registered schema, with everything that it refers to. */
  async typeOf(schemaId: number): Promise<Type> {
    return this.#parse(await this.#textsOf(schemaId));
  }

  async #make(schemaId: number): Promise<AvroReader> {
    const reader = this.#readerOf(schemaId, await this.#textsOf(schemaId));
    this.#readers.set(schemaId, reader);
    return reader;
  }

  async #textsOf(schemaId: number): Promise<readonly string[]> {
    const registered = await this.#registry.schemaOf(schemaId);
    if (registered.schemaType === 'AVRO') return this.#withReferences(registered);
    throw undecodable(`schema ${schemaId} of the registry is ${registered.schemaType}, not Avro`);
  }

  #readerOf(schemaId: number, texts: readonly string[]): AvroReader {
    try {
      const written = this.#parse(texts);
      const own = this.#own;
      if (own === undefined) return (payload) => written.fromBuffer(payload) as unknown;
      const resolver = own.createResolver(written);
      return (payload) => own.fromBuffer(payload, resolver) as unknown;
    } catch (cause) {
      throw undecodable(
        `schema ${schemaId}, with which the message was written, is not compatible with the schema of avro(): ${messageOf(cause)}`,
        cause,
      );
    }
  }

  /** Loads referenced schemas first, each once. */
  async #withReferences(schema: RegisteredSchema, seen = new Set<string>()): Promise<string[]> {
    const texts: string[] = [];
    for (const reference of schema.references) {
      const name = JSON.stringify([reference.subject, reference.version]);
      if (seen.has(name)) continue;
      if (seen.size >= MAX_REFERENCES)
        throw undecodable(`its schema refers to more than ${MAX_REFERENCES} other schemas`);
      seen.add(name);
      texts.push(...(await this.#withReferences(await this.#registry.referenced(reference), seen)));
    }
    return [...texts, schema.schema];
  }

  #parse(texts: readonly string[]): Type {
    const registry: Record<string, Type> = {};
    const types = texts.map((text) =>
      this.#avsc.Type.forSchema(JSON.parse(text) as Schema, { registry, omitRecordMethods: true }),
    );
    return types.at(-1) as Type;
  }
}

const undecodable = (why: string, cause?: unknown): TransportError =>
  new TransportError('TRANSPORT_PAYLOAD_UNDECODABLE', `The body cannot be read: ${why}.`, { cause });
