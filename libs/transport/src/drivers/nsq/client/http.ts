import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { NsqError } from './failure.js';

const MAX_ANSWER_BYTES = 16_777_216;

/** The reply of an nsqd or nsqlookupd. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends one request on its own connection, so no connection stays open.
 * @throws NsqError `unreachable`, `timeout`, `closed`
 */
export function ask(
  method: 'GET' | 'POST',
  base: string,
  path: string,
  query: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<HttpAnswer> {
  const url = new URL(`${base.replace(/\/$/, '')}${path}?${new URLSearchParams(query)}`);
  const send = url.protocol === 'https:' ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const failed = (cause: Error): void => reject(httpFailure(base, timeoutMs, signal.aborted, cause));
    const headers = { accept: 'application/vnd.nsq; version=1.0', 'content-length': 0 };
    const asked = send(url, { method, agent: false, headers, signal }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response
        .on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES)
            response.destroy(new Error(`the reply is larger than ${MAX_ANSWER_BYTES} bytes`));
        })
        .on('error', failed)
        .on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    asked.on('error', failed).end();
  });
}

function httpFailure(base: string, timeoutMs: number, late: boolean, cause: Error): NsqError {
  if (late) return new NsqError('timeout', `${base} did not answer within ${timeoutMs} ms.`, { cause });
  return new NsqError('unreachable', `${base} did not answer: ${cause.message}`, { cause });
}
