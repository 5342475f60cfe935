import { setTimeout as wait } from 'node:timers/promises';
import { isTransportError, messageOf, TransportError } from '../contract/index.js';

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
/** Delays between the tries of one request, in milliseconds. */
const PAUSES_MS = [100, 400];
const MAX_REASON_LENGTH = 200;

/** Sends requests to a schema registry, with a timeout each, and retries failures that may pass. */
export class RegistryRequests {
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor(base: URL, authorization: string | undefined, timeoutMs: number, fetcher: typeof fetch) {
    this.#base = base;
    this.#headers = {
      accept: CONTENT_TYPE,
      'content-type': CONTENT_TYPE,
      ...(authorization === undefined ? {} : { authorization }),
    };
    this.#timeoutMs = timeoutMs;
    this.#fetch = fetcher;
  }

  get(path: string, what: string): Promise<unknown> {
    return this.#persistently(path, { method: 'GET' }, what);
  }

  post(path: string, body: string, what: string): Promise<unknown> {
    return this.#persistently(path, { method: 'POST', body }, what);
  }

  async #persistently(path: string, request: RequestInit, what: string): Promise<unknown> {
    for (const pauseMs of PAUSES_MS) {
      try {
        return await this.#once(path, request, what);
      } catch (error) {
        if (!isTransportError(error) || !error.retryable) throw error;
        await wait(pauseMs);
      }
    }
    return this.#once(path, request, what);
  }

  async #once(path: string, request: RequestInit, what: string): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      // A redirect would send the credentials elsewhere.
      const signal = AbortSignal.timeout(this.#timeoutMs);
      response = await this.#fetch(this.#at(path), { ...request, headers: this.#headers, signal, redirect: 'error' });
      text = await response.text();
    } catch (cause) {
      throw this.#refusal(what, `it did not answer (${reasonOf(cause)})`, true, cause);
    }
    if (!response.ok) throw this.#refusal(what, saidBy(response.status, text), mayDoLater(response.status));
    return parsed(text);
  }

  /** Keeps the path of the base URL: Apicurio's is `/apis/ccompat/v7`. */
  #at(path: string): string {
    return `${this.#base.origin}${this.#base.pathname.replace(/\/$/, '')}${path}`;
  }

  #refusal(what: string, why: string, retryable: boolean, cause?: unknown): TransportError {
    const { host } = this.#base;
    return new TransportError(
      'TRANSPORT_SCHEMA_UNAVAILABLE',
      `Cannot ${what} at the schema registry ${host}: ${why}.`,
      {
        retryable,
        cause,
      },
    );
  }
}

/** Includes 404: a registry member can lag a moment behind another one where the schema was registered. */
const mayDoLater = (status: number): boolean => status >= 500 || [404, 408, 429].includes(status);

function saidBy(status: number, text: string): string {
  const { message } = Object(parsed(text)) as { message?: unknown };
  const reason = typeof message === 'string' ? `: ${message.slice(0, MAX_REASON_LENGTH)}` : '';
  return `it answered ${status}${reason}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** fetch says "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  const { cause } = Object(error) as { cause?: unknown };
  return messageOf(cause ?? error);
}
