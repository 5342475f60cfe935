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
  /** How long a stream may last where the requester does not say how long it waits. */
  readonly streamTimeoutMs: number;
  /** Told what is not told to the sender. */
  readonly report: (error: unknown, delivery: Delivery) => void;
}

/**
 * Makes a handler answer the sender: every value of its result, then the end, or its error.
 * An error is answered and not tried again: the sender decides. A message nobody waits for is handled as an event.
 * An answer that could not be stored is a failure like any other: the request is tried again.
 * A stream ends when its requester waits no longer: the message is done then.
 * A request whose requester had stopped waiting long before it came is done without a call.
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
 * Tells who waits why a question is answered by no handler: it could not be read, was refused by its schema, or was tried too often.
 * An answer that cannot be sent is reported and not tried again: the question is a dead letter by then, and its asker has a timeout.
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

/** n.b. a stream does nothing before it is subscribed to. */
const run = async (result: unknown): Promise<void> => {
  const stream = streamOf(result);
  if (stream !== undefined) await lastValueFrom(stream, { defaultValue: undefined });
};

/** Sends what a handler gives, value by value, and remembers when an answer itself could not be sent. */
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

/** n.b. as Nest does, and what is no Error was made on purpose, as by `throwError(() => exception.getError())`: what a handler says on purpose reaches the sender, what merely happened inside does not. */
function isForTheSender(error: unknown): boolean {
  const isNests = ['getError', 'getStatus'].some((method) => typeof fieldOf(error, method) === 'function');
  return isNests || isTransportError(error) || !isA(error, Error);
}

function errorReply(error: unknown): Reply {
  if (!isForTheSender(error)) return { kind: 'error', name: 'Error', message: 'Internal server error' };
  return { kind: 'error', name: nameOf(error), message: reasonOf(error), content: errorContentOf(error) };
}
