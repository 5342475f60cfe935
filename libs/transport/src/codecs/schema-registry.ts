import { TransportError } from '../contract/index.js';
import { checkOptions, option, withDefaults, type OptionRule } from '../shared/index.js';
import { RegistryRequests } from './registry-requests.js';

/** What a schema is written in; a registry takes one that does not say it for Avro. */
export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF';

/** Another schema that one builds upon: what it is called there, and where the registry has it. */
export interface SchemaReference {
  readonly name: string;
  readonly subject: string;
  /** Of that subject, from 1. */
  readonly version: number;
}

/** A schema as a registry keeps it. */
export interface RegisteredSchema {
  /** As text, whatever it is written in. */
  readonly schema: string;
  readonly schemaType: SchemaType;
  readonly references: readonly SchemaReference[];
}

/** Where the schema registry is, and how to log in there. */
export interface SchemaRegistryOptions {
  /** `http://localhost:8081`; without user and password in it. */
  readonly url: string;
  /** With `password`, for Basic authentication. @default no login */
  readonly username?: string;
  /** Never written to logs or errors. @default no login */
  readonly password?: string;
  /** A bearer token, instead of user name and password. */
  readonly token?: string;
  /** Sends a password or token without TLS to another machine, where it can be read on the way. @default false */
  readonly allowLoginWithoutTls?: boolean;
  /**
   * The registry compares schemas by what they mean and not by how they are written: one that another program registered with its fields
   * in other order is found, and registering makes no second version of it. Registries that do not know this ignore it. @default true
   */
  readonly normalize?: boolean;
  /** How long one request may take; what fails for a moment is tried three times. @default 5000 */
  readonly timeoutMs?: number;
  /** Does the requests instead of Node's own `fetch`, for a proxy or a certificate authority of your own. */
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

/** The part of a Confluent schema registry that codecs need. What was found once is not asked for again. */
export interface SchemaRegistry {
  /**
   * The id of a schema under a subject; registers it there first when `register` is true.
   * @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE`
   */
  idOf(subject: string, schema: RegisteredSchema, register: boolean): Promise<number>;
  /** The id of the newest version of a subject, as it was when it was first asked for. @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE` */
  latestIdOf(subject: string): Promise<number>;
  /** @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE` */
  schemaOf(id: number): Promise<RegisteredSchema>;
  /** A schema that another one refers to. @throws TransportError `TRANSPORT_SCHEMA_UNAVAILABLE` */
  referenced(reference: SchemaReference): Promise<RegisteredSchema>;
}

/**
 * A client of a schema registry with Confluent's HTTP interface (Confluent, Karapace, Apicurio, Redpanda). It holds no
 * connection, and one value may serve all codecs of an application.
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
    // n.b. the url is not shown: somebody may have written a password into it.
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      "schemaRegistry(): url must be an address as 'http://localhost:8081'; user name and password are options of their own.",
    );
  }
  return base;
}

function authorizationOf({ username, password, token }: Partial<SchemaRegistryOptions>): string | undefined {
  if (token !== undefined && username !== undefined) {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', 'schemaRegistry(): give token or username, not both.');
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
    `schemaRegistry(): a login to ${hostname} without TLS can be read on the way. Use https, or write allowLoginWithoutTls: true.`,
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

  /** n.b. what a registry has under an id never changes; a failure is forgotten, and asked for again. */
  #once<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#known.get(question) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = ask();
    this.#known.set(question, answer);
    answer.catch(() => this.#known.delete(question));
    return answer;
  }
}

/** n.b. Avro goes unsaid: registries of before 5.5 know no `schemaType`. */
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
    `Cannot ${what}: what answered is no schema registry. Check its url.`,
  );
