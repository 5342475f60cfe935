import type { Observable } from 'rxjs';

/** Whether a handler's result has to be subscribed to before anything happens. Asked once per message, so it touches no rxjs. */
export function isStream(result: unknown): result is Observable<unknown> {
  return typeof (result as Observable<unknown> | null | undefined)?.subscribe === 'function';
}

/** Resolves when the stream completes, with or without values, and rejects with its error as it is. */
function completion(stream: Observable<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.subscribe({ error: reject, complete: resolve });
  });
}

/** The end of what a handler gave: of its stream, if it is one. */
export const restOf = (result: unknown): Promise<void> | undefined =>
  isStream(result) ? completion(result) : undefined;
