import type { Observable } from 'rxjs';

/** Whether a handler's result has to be subscribed to before anything happens. Asked once per message, so it touches no rxjs. */
export function isStream(result: unknown): result is Observable<unknown> {
  return typeof (result as Observable<unknown> | null | undefined)?.subscribe === 'function';
}

/** Resolves when the stream completes, with or without values, and rejects with its error as it is. */
export function completion(stream: Observable<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.subscribe({ error: reject, complete: resolve });
  });
}
