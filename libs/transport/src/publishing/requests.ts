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
  /** The caller's value, for the error. */
  readonly timeoutMs: number;
  /** The remaining time in milliseconds. */
  readonly leftMs: number;
  readonly codec: Codec;
  readonly schema: StandardSchema | undefined;
}

/**
 * Sends a request and resolves with the first reply, decoded and validated.
 * @throws TransportError `TRANSPORT_REQUEST_TIMEOUT`, `TRANSPORT_REQUEST_FAILED`, `TRANSPORT_CLOSED`, and those of the
 *   requester
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
  return schema === undefined ? answer : validate(schema, answer, `the reply from ${message.topic}`);
}

/** Creates the error for a failed handler, with its name, message and content as `cause`. */
export function requestFailed(topic: string, { name, message, content }: Reply & { kind: 'error' }): TransportError {
  const cause = Object.assign(new Error(message), readErrorContent(content));
  cause.name = name;
  return new TransportError('TRANSPORT_REQUEST_FAILED', `The handler of "${topic}" failed with ${name}: ${message}.`, {
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
    `No reply to request ${id} arrived from "${topic}" within ${timeoutMs} ms. Check that a service subscribes to it with @Respond. The request may still be handled.`,
    { topic, retryable: true, stored: 'unknown' },
  );
}
