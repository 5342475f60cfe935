import { TransportError } from '../contract/index.js';
import { option, type OptionRule } from '../shared/index.js';
import type { RegisteredSchema, SchemaRegistry } from './schema-registry.js';

/** What codecs with a schema registry have in common. */
export interface RegistryCodecOptions {
  /** Made by `schemaRegistry()`; all codecs of an application may share one. */
  readonly registry: SchemaRegistry;
  /** Under which subject the registry has the schema. A function may return `undefined` for the default. @default `<topic>-value`, as Confluent's own serializers */
  readonly subject?: string | ((topic: string) => string | undefined);
  /** Registers the schema at the first publish; else it must be there already, which is the safer way outside development. @default false */
  readonly register?: boolean;
  /**
   * Writes with the newest version that the subject has when the first message is published, instead of `schema`; not with `register`. For teams whose
   * schemas are made elsewhere. A payload that does not fit it is refused. @default false
   */
  readonly useLatestVersion?: boolean;
}

export const REGISTRY_CODEC_DEFAULTS = {
  register: false,
  useLatestVersion: false,
} as const satisfies Partial<RegistryCodecOptions>;

const isRegistry = (value: unknown): boolean => typeof (value as SchemaRegistry | null)?.schemaOf === 'function';

export const REGISTRY_CODEC_RULES = {
  registry: { expected: "a schema registry, as schemaRegistry({ url: '...' })", accepts: isRegistry },
  subject: option.either(option.text, option.fn),
  register: option.flag,
  useLatestVersion: option.flag,
} as const satisfies Record<keyof RegistryCodecOptions, OptionRule>;

/** @throws TransportError `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT` */
export function requireRegistry(where: string, options: Partial<RegistryCodecOptions>): void {
  const { registry, register, useLatestVersion } = options;
  if (register === true && useLatestVersion === true) {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', `${where}: give register or useLatestVersion, not both.`);
  }
  if (registry !== undefined) return;
  throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: registry is missing. Write schemaRegistry({ url }).`);
}

/** Knows the id of one schema, topic by topic: at once, as soon as it has been asked for. */
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
