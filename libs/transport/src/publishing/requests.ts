import {
  TransportError,
  validate,
  type Clock,
  type Codec,
  type OutgoingMessage,
  type Reply,
  type Requester,
  type StandardSchema,
} from '../contract/index.js';

/** What a request waits for. */
export interface Expected {
  readonly timeoutMs: number;
  readonly codec: Codec;
  readonly schema: StandardSchema | undefined;
}

/**
 * Sends a request and resolves with the first answer, decoded and checked.
 * @throws TransportError `TRANSPORT_REQUEST_TIMEOUT`, `TRANSPORT_REQUEST_FAILED`, and what the requester says
 */
export async function request(
  requester: Requester,
  message: OutgoingMessage,
  { timeoutMs, codec, schema }: Expected,
  clock: Clock,
): Promise<unknown> {
  const reply = await firstReply(requester, message, timeoutMs, clock);
  if (reply.kind === 'error') throw requestFailed(message.topic, reply.name, reply.message);
  const answer = reply.kind === 'value' ? await codec.decode(reply.body, message.topic) : undefined;
  return schema === undefined ? answer : validate(schema, answer, `the answer from ${message.topic}`);
}

/** An error that a handler answered, with its name and message as `cause`. */
export function requestFailed(topic: string, name: string, message: string): TransportError {
  const cause = new Error(message);
  cause.name = name;
  return new TransportError('TRANSPORT_REQUEST_FAILED', `The handler of "${topic}" answered ${name}: ${message}.`, {
    topic,
    cause,
  });
}

function firstReply(requester: Requester, message: OutgoingMessage, timeoutMs: number, clock: Clock): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let stop = (): void => undefined;
    let ended = false;
    const end = (tell: () => void): void => {
      if (ended) return;
      ended = true;
      callOff();
      stop();
      tell();
    };
    const callOff = clock.schedule(timeoutMs, () => end(() => reject(tooLate(message, timeoutMs))));
    requester
      .request(message, (reply) => end(() => resolve(reply)))
      .then(
        (stopRequest) => {
          stop = stopRequest;
          if (ended) stop();
        },
        (error: unknown) => end(() => reject(error as Error)),
      );
  });
}

function tooLate({ topic, id }: OutgoingMessage, timeoutMs: number): TransportError {
  return new TransportError(
    'TRANSPORT_REQUEST_TIMEOUT',
    `No answer to request ${id} came from "${topic}" within ${timeoutMs} ms. Is anybody subscribed with @Respond? The request may still be handled.`,
    { topic, retryable: true, stored: 'unknown' },
  );
}
