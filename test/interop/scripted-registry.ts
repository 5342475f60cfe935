import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Schema {
  readonly schema: string;
  /** Unsaid for Avro, in requests and in answers. */
  readonly schemaType?: string;
  readonly references?: readonly unknown[];
}

type Answer = readonly [status: number, body: unknown];

const SUBJECT_NOT_FOUND: Answer = [404, { error_code: 40401, message: 'Subject not found.' }];
const VERSION_NOT_FOUND: Answer = [404, { error_code: 40402, message: 'Version not found.' }];
const SCHEMA_NOT_FOUND: Answer = [404, { error_code: 40403, message: 'Schema not found' }];

/**
 * A registry that answers over HTTP as the reference of Confluent's REST interface says, as far as codecs ask: schemas by id, by subject
 * and by version, one id per schema under however many subjects. Faults on demand. It compares schemas by their text, and checks none.
 */
export class ScriptedRegistry {
  readonly requests: string[] = [];
  readonly headers: Record<string, unknown>[] = [];
  /** Statuses that the next requests get; 0 cuts the connection. */
  readonly faults: number[] = [];
  readonly #schemas = new Map<number, Schema>();
  /** Ids, by subject, in the order of their versions. */
  readonly #subjects = new Map<string, number[]>();
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      void textOf(request).then((text) => {
        this.requests.push(`${request.method} ${request.url}`);
        this.headers.push(request.headers);
        const fault = this.faults.shift();
        if (fault === 0) return void request.socket.destroy();
        const [status, body] = fault === undefined ? this.#answer(request, text) : planted(fault);
        response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
        response.end(JSON.stringify(body));
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Forgets all it has and all it was asked. */
  clear(): void {
    for (const list of [this.requests, this.headers, this.faults]) list.length = 0;
    this.#schemas.clear();
    this.#subjects.clear();
  }

  add(id: number, subject: string, schema: object, more: Partial<Schema> = {}): void {
    this.#keep(id, subject, { schema: JSON.stringify(schema), ...more });
  }

  /** How many schemas it has, under whatever subjects. */
  get size(): number {
    return this.#schemas.size;
  }

  #answer({ method = '', url: asked = '' }: IncomingMessage, text: string): Answer {
    const url = asked.replace('?normalize=true', '');
    const [, id] = /^\/schemas\/ids\/(\d+)$/.exec(url) ?? [];
    if (method === 'GET' && id !== undefined) return this.#schema(Number(id));
    const [, name = '', versions, version] = /^\/subjects\/([^/]+)(\/versions(?:\/(\d+|latest))?)?$/.exec(url) ?? [];
    const subject = decodeURIComponent(name);
    if (method === 'GET' && version !== undefined) return this.#version(subject, version);
    if (method !== 'POST' || name === '' || version !== undefined) return [404, { error_code: 404 }];
    const given = JSON.parse(text) as Schema;
    return versions === undefined ? this.#lookUp(subject, given) : this.#register(subject, given);
  }

  #schema(id: number): Answer {
    const schema = this.#schemas.get(id);
    return schema === undefined ? SCHEMA_NOT_FOUND : [200, schema];
  }

  #version(subject: string, asked: string): Answer {
    const ids = this.#subjects.get(subject);
    if (ids === undefined) return SUBJECT_NOT_FOUND;
    const version = asked === 'latest' ? ids.length : Number(asked);
    const id = ids[version - 1];
    return id === undefined ? VERSION_NOT_FOUND : [200, { subject, version, id, ...this.#schemas.get(id) }];
  }

  #lookUp(subject: string, given: Schema): Answer {
    const ids = this.#subjects.get(subject);
    if (ids === undefined) return SUBJECT_NOT_FOUND;
    const id = this.#idOf(given);
    if (id === undefined || !ids.includes(id)) return SCHEMA_NOT_FOUND;
    return [200, { subject, version: ids.indexOf(id) + 1, id, ...given }];
  }

  #register(subject: string, given: Schema): Answer {
    const id = this.#idOf(given) ?? 100 + this.#schemas.size;
    this.#keep(id, subject, given);
    return [200, { id }];
  }

  #idOf({ schema, schemaType = 'AVRO' }: Schema): number | undefined {
    const isSame = (known: Schema): boolean => known.schema === schema && (known.schemaType ?? 'AVRO') === schemaType;
    return [...this.#schemas].find(([, known]) => isSame(known))?.[0];
  }

  #keep(id: number, subject: string, schema: Schema): void {
    this.#schemas.set(id, schema);
    this.#subjects.set(subject, [...new Set([...(this.#subjects.get(subject) ?? []), id])]);
  }
}

const planted = (status: number): Answer => [status, { message: 'a planted fault' }];

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
