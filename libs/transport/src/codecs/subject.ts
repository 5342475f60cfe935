import { TransportError } from '../contract/index.js';
import { option, type OptionRule } from '../shared/index.js';
import type { RegisteredSchema, SchemaRegistry } from './schema-registry.js';

/** Options that all codecs with a schema registry share. */
export interface RegistryCodecOptions {
  /** Created by `schemaRegistry()`; all codecs of an application can share one. */
  readonly registry: SchemaRegistry;
  /**
   * The subject of the schema in the registry. A function can return `undefined` for the default. @default
   * `<topic>-value`, as in Confluent's serializers
   */
  readonly subject?: string | ((topic: string) => string | undefined);
  /**
   * Registers the schema at the first publish. Otherwise it must already exist, which is safer outside development.
   * @default false
   */
  readonly register?: boolean;
  /**
   * Writes with the newest version of the subject at the first publish, instead of `schema`; excludes `register`. For
   * teams that manage schemas elsewhere. A payload that does not match is rejected. @default false
   */
  readonly useLatestVersion?: boolean;
}

export const REGISTRY_CODEC_DEFAULTS = {
  register: false,
  useLatestVersion: false,
} as const satisfies Partial<RegistryCodecOptions>;

const isRegistry = (value: unknown): boolean => typeof (value as SchemaRegistry | null)?.schemaOf === 'function';

export const REGISTRY_CODEC_RULES = {
  registry: { expected: "a schema registry, such as schemaRegistry({ url: '...' })", accepts: isRegistry },
  subject: option.either(option.text, option.fn),
  register: option.flag,
  useLatestVersion: option.flag,
} as const satisfies Record<keyof RegistryCodecOptions, OptionRule>;

/**
 * Rejects options without a registry, and combinations that contradict each other.
 * @throws TransportError `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function requireRegistry(where: string, options: Partial<RegistryCodecOptions>): void {
  const { registry, register, useLatestVersion } = options;
  if (register === true && useLatestVersion === true) {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', `${where}: set register or useLatestVersion, not both.`);
  }
  if (registry !== undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_INVALID',
    `${where}: registry is missing. Set registry: schemaRegistry({ url }).`,
  );
}

/** Caches the id of one schema per topic; returns it without a Promise once it is known. */
export class SchemaIds {
  readonly #options: RegistryCodecOptions;
  readonly #schema: RegisteredSchema;
  readonly #ids = new Map<string, number>();

  constructor(options: RegistryCodecOptions, schema: RegisteredSchema) {
    this.#options = options;
    this.#schema = schema;
  }

  of(topic: string): number | Promise<number> {
    return this.#ids.get(topic) ?? this.#ask(topic);
  }

  async #ask(topic: string): Promise<number> {
    const { subject } = this.#options;
    const name = typeof subject === 'function' ? subject(topic) : subject;
    const id = await this.#find(name ?? `${topic}-value`);
    this.#ids.set(topic, id);
    return id;
  }

  #find(subject: string): Promise<number> {
    const { registry, register, useLatestVersion } = { ...REGISTRY_CODEC_DEFAULTS, ...this.#options };
    return useLatestVersion ? registry.latestIdOf(subject) : registry.idOf(subject, this.#schema, register);
  }
}
