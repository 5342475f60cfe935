const OWN_CONNECTION = { connection: 'close' };

/** An answer of one of the services. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Talks to a service as any program outside would, with a connection for each request: a service closes one that is idle for some seconds,
 * and on a busy machine that can meet the next request, which then fails although the service is well.
 */
export class HttpClient {
  constructor(readonly url: string) {}

  get(path: string): Promise<Answer> {
    return this.#ask(path, { headers: OWN_CONNECTION });
  }

  post(path: string, body: unknown): Promise<Answer> {
    return this.#ask(path, {
      method: 'POST',
      headers: { ...OWN_CONNECTION, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  async #ask(path: string, request: RequestInit): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, { ...request, signal: AbortSignal.timeout(30_000) });
    return { status: response.status, body: await response.json() };
  }
}
