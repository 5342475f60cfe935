import {
  concatMap,
  dematerialize,
  filter,
  identity,
  lastValueFrom,
  materialize,
  Observable,
  take,
  takeUntil,
} from 'rxjs';
import {
  errorContentOf,
  fieldOf,
  isA,
  isTransportError,
  nameOf,
  reasonOf,
  validate,
  type Clock,
  type Codec,
  type Delivery,
  type Reply,
  type StandardSchema,
} from '../../contract/index.js';
import type { Answer, Handler, Refusal } from '../../consuming/index.js';
import { streamOf } from './completion.js';
import { RequesterWait } from './requester-wait.js';

/** How a handler of requests answers. */
export interface Answering {
  readonly codec: Codec;
  /** Checks each answer; undefined lets all pass. */
  readonly schema: StandardSchema | undefined;
  readonly answerTo: (delivery: Delivery) => Answer | undefined;
  readonly clock: Clock;
  /** The longest time of a stream, in milliseconds, if the requester sends no timeout. */
  readonly streamTimeoutMs: number;
  /** Receives errors that are not sent to the requester. */
  readonly report: (error: unknown, delivery: Delivery) => void;
}

/**
 * Sends a handler's result to the requester: every value, then the end, or its error.
 * An error is sent and not retried: the requester decides. A message without a requester is handled as an event.
 * A response that could not be stored fails the attempt: the request is retried.
 * A stream ends when its requester stops waiting; the message is then acked.
 * A request whose requester stopped waiting long ago is acked without calling the handler.
 * @param call the handler; its result may be a stream
 */
export function answering(call: (payload: unknown, delivery: Delivery) => Promise<unknown>, how: Answering): Handler {
  return async (payload, delivery) => {
    const answer = how.answerTo(delivery);
    if (answer === undefined) return run(await call(payload, delivery));
    const wait = new RequesterWait(delivery, how.clock);
    if (wait.isLongGone) return wait.end();
    const replies = repliesOf(how, answer, delivery.topic, wait);
    try {
      await replies.all(await call(payload, delivery));
    } catch (error) {
      if (error === replies.failure) throw error;
      if (wait.isBecauseGone(error)) return;
      if (!isForTheSender(error)) how.report(error, delivery);
      await answer(errorReply(error));
    } finally {
      wait.end();
    }
  };
}

/**
 * Sends the requester the reason why its request was dead-lettered: it could not be decoded, failed its schema, or ran out of attempts.
 * A reply that cannot be sent is reported and not retried: the request is already a dead letter, and its requester has a timeout.
 */
export function refusing(answerTo: Answering['answerTo'], report: Answering['report']): Refusal {
  return async (error, delivery) => {
    try {
      await answerTo(delivery)?.(errorReply(error));
    } catch (failure) {
      report(failure, delivery);
    }
  };
}

/** A stream does nothing before it is subscribed to. */
const run = async (result: unknown): Promise<void> => {
  const stream = streamOf(result);
  if (stream !== undefined) await lastValueFrom(stream, { defaultValue: undefined });
};

/** Sends a handler's values one by one, and records whether a response could not be sent. */
function repliesOf({ codec, schema, streamTimeoutMs }: Answering, answer: Answer, topic: string, wait: RequesterWait) {
  const sent = { failure: undefined as unknown };
  const send = async (reply: Reply): Promise<void> => {
    try {
      await answer(reply);
    } catch (error) {
      sent.failure = error;
      throw error;
    }
  };
  const value = async (given: unknown, last: boolean): Promise<void> => {
    const valid = schema === undefined ? given : await validate(schema, given, 'the answer');
    await send({ kind: 'value', body: await codec.encode(valid, topic), last });
  };
  const all = async (result: unknown): Promise<void> => {
    const stream = streamOf(result);
    if (stream === undefined) return result === undefined ? send({ kind: 'end' }) : value(result, true);
    wait.limitStream(streamTimeoutMs);
    let isAnswered = false;
    const values = stream.pipe(
      filter((given) => given !== undefined),
      wait.isForFirst ? take(1) : identity,
      // An error would overtake the values that still wait to be sent: as a notification it keeps its place.
      materialize(),
      concatMap(async (each) => {
        if (each.kind !== 'N') return each;
        await value(each.value, wait.isForFirst);
        isAnswered = wait.isForFirst;
        return each;
      }),
      dematerialize(),
      takeUntil(aborted(wait.signal)),
    );
    await lastValueFrom(values, { defaultValue: undefined });
    if (wait.signal.aborted) return wait.throwReason();
    if (!isAnswered) await send({ kind: 'end' });
  };
  return {
    all,
    get failure(): unknown {
      return sent.failure;
    },
  };
}

/** Emits when the signal is aborted. */
const aborted = (signal: AbortSignal): Observable<void> =>
  new Observable((subscriber) => {
    const tell = (): void => subscriber.next();
    if (signal.aborted) return tell();
    signal.addEventListener('abort', tell, { once: true });
    return () => signal.removeEventListener('abort', tell);
  });

/** As in Nest, deliberate errors reach the requester and internal ones do not. A thrown value that is not an Error is deliberate, as with `throwError(() => exception.getError())`. */
function isForTheSender(error: unknown): boolean {
  const isNests = ['getError', 'getStatus'].some((method) => typeof fieldOf(error, method) === 'function');
  return isNests || isTransportError(error) || !isA(error, Error);
}

function errorReply(error: unknown): Reply {
  if (!isForTheSender(error)) return { kind: 'error', name: 'Error', message: 'Internal server error' };
  return { kind: 'error', name: nameOf(error), message: reasonOf(error), content: errorContentOf(error) };
}
