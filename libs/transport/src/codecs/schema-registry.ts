import { TransportError } from '../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../shared/index.js';
import { RegistryRequests } from './registry-requests.js';

/** The language of a schema; a registry assumes Avro when none is given. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF';

/** A reference from one schema to another: the name used in the schema, and its subject and version in the registry. */
export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  /** Version of that subject, from 1. */
  readonly version: number;
}

/** A schema as the registry stores it. */
export interface RegisteredSchema {
  /** The schema's text, in any schema language. */
  readonly schema: string;
  readonly schemaType: SchemaType;
  readonly references: readonly SchemaReference[];
}

/** Options of `schemaRegistry`: address, credentials, timeouts. */
export interface SchemaRegistryOptions {
  /** `http://localhost:8081`; without user name and password. */
  readonly url: string;
  /** Used with `password` for Basic authentication. @default no login */
  readonly username?: string;
  /** Never written to logs or errors. @default no login */
  readonly password?: string;
  /** A bearer token, instead of user name and password. @default no token */
  readonly token?: string;
  /** Allows credentials to be sent to another machine without TLS, where they can be read in transit. @default false */
  readonly allowLoginWithoutTls?: boolean;
  /**
   * The registry compares schemas by meaning, not by text: a schema that another program registered with its fields in
   * a different order is found, and no second version is registered. Registries that do not support this ignore it.
   * @default true
   */
  readonly normalize?: boolean;
  /** Timeout of one request in milliseconds; a failure that may pass is tried three times. @default 5000 */
  readonly timeoutMs?: number;
  /** Replaces Node's `fetch`, for a proxy or your own certificate authority. @default Node's `fetch` */
  readonly fetch?: typeof fetch;
}

/** The defaults of `schemaRegistry`. */
export const SCHEMA_REGISTRY_DEFAULTS = {
  allowLoginWithoutTls: false,
  normalize: true,
  timeoutMs: 5_000,
} as const satisfies Partial<SchemaRegistryOptions>;

const RULES = {
  url: option.text,
  username: option.text,
  password: option.text,
  token: option.text,
  allowLoginWithoutTls: option.flag,
  normalize: option.flag,
  timeoutMs: option.integer(1),
  fetch: option.fn,
} as const satisfies Record<keyof SchemaRegistryOptions, OptionRule>;

/** The part of a Confluent schema registry that codecs need. Results are cached. */
export interface SchemaRegistry {
  /**
   * Returns the id of a schema under a subject; registers it first if `register` is true.
   * @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE`
   */
  idOf(subject: string, schema: RegisteredSchema, register: boolean): Promise<number>;
  /**
   * Returns the id of the newest version of a subject at the first call. @throws TransportError
   * `TRANSPORT_SCHEMA_UNAVAILABLE`
   */
  latestIdOf(subject: string): Promise<number>;
  /** Returns the schema with an id. @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE` */
  schemaOf(id: number): Promise<RegisteredSchema>;
  /** Returns a schema that another one refers to. @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE` */
  referenced(reference: SchemaReference): Promise<RegisteredSchema>;
}

/**
 * Creates a client of a schema registry with Confluent's HTTP interface (Confluent, Karapace, Apicurio, Redpanda). It
 * keeps no connection open, and all codecs of an application can share it.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  checkOptions('schemaRegistry()', options, RULES);
  const { url, allowLoginWithoutTls, normalize, timeoutMs, ...rest } = withDefaults(options, SCHEMA_REGISTRY_DEFAULTS);
  const base = baseOf(url);
  const authorization = authorizationOf(rest);
  if (authorization !== undefined && !allowLoginWithoutTls) refuseReadableLogin(base);
  const requests = new RegistryRequests(base, authorization, timeoutMs, rest.fetch ?? fetch);
  return new ConfluentRegistry(requests, normalize);
}

function baseOf(url: string | undefined): URL {
  const base = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol) || base.username !== '' || base.password !== '') {
    // The message does not quote the url, because it can contain a password.
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      "schemaRegistry(): url must be an http or https address without credentials, such as 'http://localhost:8081'. Use the options username and password.",
    );
  }
  return base;
}

function authorizationOf({ username, password, token }: Partial<SchemaRegistryOptions>): string | undefined {
  if (token !== undefined && username !== undefined) {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', 'schemaRegistry(): set token or username, not both.');
  }
  if (token !== undefined) return `Bearer ${token}`;
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

function refuseReadableLogin({ protocol, hostname }: URL): void {
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
  if (protocol === 'https:' || isLoopback) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `schemaRegistry(): a login to ${hostname} without TLS can be read in transit. Use https, or set allowLoginWithoutTls: true.`,
  );
}

class ConfluentRegistry implements SchemaRegistry {
  readonly #requests: RegistryRequests;
  readonly #query: string;
  readonly #known = new Map<string, Promise<unknown>>();

  constructor(requests: RegistryRequests, normalize: boolean) {
    this.#requests = requests;
    this.#query = normalize ? '?normalize=true' : '';
  }

  idOf(subject: string, schema: RegisteredSchema, register: boolean): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}${register ? '/versions' : ''}${this.#query}`;
    const body = bodyOf(schema);
    const what = register ? `register a schema for "${subject}"` : `find the schema of "${subject}"`;
    return this.#once(`POST ${path} ${body}`, async () => idIn(await this.#requests.post(path, body, what), what));
  }

  latestIdOf(subject: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`;
    const what = `read the newest version of "${subject}"`;
    return this.#once(path, async () => idIn(await this.#requests.get(path, what), what));
  }

  schemaOf(id: number): Promise<RegisteredSchema> {
    return this.#schema(`/schemas/ids/${id}`, `read schema ${id}`);
  }

  referenced({ subject, version }: SchemaReference): Promise<RegisteredSchema> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`;
    return this.#schema(path, `read version ${version} of "${subject}"`);
  }

  #schema(path: string, what: string): Promise<RegisteredSchema> {
    return this.#once(path, async () => schemaIn(await this.#requests.get(path, what), what));
  }

  /** A registry never changes what an id stands for, so results are cached; a failure is not. */
  #once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#known.get(question) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = ask();
    this.#known.set(question, answer);
    answer.catch(() => this.#known.delete(question));
    return answer;
  }
}

/** Leaves Avro out: registries before 5.5 do not know `schemaType`. */
function bodyOf({ schema, schemaType, references }: RegisteredSchema): string {
  return JSON.stringify({
    schema,
    ...(schemaType === 'AVRO' ? {} : { schemaType }),
    ...(references.length === 0 ? {} : { references }),
  });
}

function idIn(answer: unknown, what: string): number {
  const { id } = Object(answer) as { id?: unknown };
  if (!Number.isInteger(id)) throw strangeAnswer(what);
  return id as number;
}

function schemaIn(answer: unknown, what: string): RegisteredSchema {
  const { schema, schemaType = 'AVRO', references = [] } = Object(answer) as Partial<RegisteredSchema>;
  if (typeof schema !== 'string' || !Array.isArray(references)) throw strangeAnswer(what);
  return { schema, schemaType, references };
}

const strangeAnswer = (what: string): TransportError =>
  new TransportError(
    'TRANSPORT_SCHEMA_UNAVAILABLE',
    `Cannot ${what}: the server that answered is not a schema registry. Check its url.`,
  );
