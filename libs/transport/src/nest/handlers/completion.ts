import { concatMap, from, of, type Observable } from 'rxjs';

/** Whether a handler's result has to be subscribed to before anything happens. Asked once per message, so it touches no rxjs. */
function isStream(result: unknown): result is Observable<unknown> {
  return typeof (result as Observable<unknown> | null | undefined)?.subscribe === 'function';
}

/** Whether a result is what a generator function returns: nothing of the handler has run yet. A Subject has `next` too, but is a stream. */
const isGenerator = (result: unknown): result is AsyncIterable<unknown> => {
  const {
    next,
    [Symbol.iterator]: iterator,
    [Symbol.asyncIterator]: asyncIterator,
  } = result as Partial<Generator> & Partial<AsyncGenerator>;
  return typeof next === 'function' && (typeof iterator === 'function' || typeof asyncIterator === 'function');
};

/** What a handler gave, as a stream that runs it to its end; undefined where it has ended. Behind an interceptor a generator is a value. */
export function streamOf(result: unknown): Observable<unknown> | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  if (isStream(result)) return result.pipe(concatMap((value) => streamOf(value) ?? of(value)));
  return isGenerator(result) ? from(result) : undefined;
}

/** Resolves when the stream completes, with or without values, and rejects with its error as it is. */
function completion(stream: Observable<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.subscribe({ error: reject, complete: resolve });
  });
}

/** The end of what a handler gave: of its stream or generator, if it is one. */
export const restOf = (result: unknown): Promise<void> | undefined => {
  const stream = streamOf(result);
  return stream === undefined ? undefined : completion(stream);
};
