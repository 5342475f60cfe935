import {
  readErrorContent,
  TransportError,
  validate,
  type Clock,
  type Codec,
  type OutgoingMessage,
  type Reply,
  type StandardSchema,
} from '../contract/index.js';
import type { OpenRequests } from './open-requests.js';

/** What a request waits for. */
export interface Expected {
  /** As the caller gave it, for the error. */
  readonly timeoutMs: number;
  /** What is left of it. */
  readonly leftMs: number;
  readonly codec: Codec;
  readonly schema: StandardSchema | undefined;
}

/**
 * Sends a request and resolves with the first answer, decoded and checked.
 * @throws TransportError `TRANSPORT_REQUEST_TIMEOUT`, `TRANSPORT_REQUEST_FAILED`, `TRANSPORT_CLOSED`, and what the requester says
 */
export async function request(
  requests: OpenRequests,
  message: OutgoingMessage,
  expected: Expected,
  clock: Clock,
): Promise<unknown> {
  const { codec, schema } = expected;
  const reply = await firstReply(requests, message, expected, clock);
  if (reply.kind === 'error') throw requestFailed(message.topic, reply);
  const answer = reply.kind === 'value' ? await codec.decode(reply.body, message.topic) : undefined;
  return schema === undefined ? answer : validate(schema, answer, `the answer from ${message.topic}`);
}

/** An error that a handler answered, with its name, message and content as `cause`. */
export function requestFailed(topic: string, { name, message, content }: Reply & { kind: 'error' }): TransportError {
  const cause = Object.assign(new Error(message), readErrorContent(content));
  cause.name = name;
  return new TransportError('TRANSPORT_REQUEST_FAILED', `The handler of "${topic}" answered ${name}: ${message}.`, {
    topic,
    cause,
  });
}

function firstReply(
  requests: OpenRequests,
  message: OutgoingMessage,
  { timeoutMs, leftMs }: Expected,
  clock: Clock,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      callOff();
      stop();
    };
    const callOff = clock.schedule(leftMs, () => {
      stop();
      reject(tooLate(message, timeoutMs));
    });
    const stop = requests.send(message, {
      onReply: (reply) => {
        end();
        resolve(reply);
      },
      onFailure: (error) => {
        end();
        reject(error);
      },
    });
  });
}

function tooLate({ topic, id }: OutgoingMessage, timeoutMs: number): TransportError {
  return new TransportError(
    'TRANSPORT_REQUEST_TIMEOUT',
    `No answer to request ${id} came from "${topic}" within ${timeoutMs} ms. Is anybody subscribed with @Respond? The request may still be handled.`,
    { topic, retryable: true, stored: 'unknown' },
  );
}
