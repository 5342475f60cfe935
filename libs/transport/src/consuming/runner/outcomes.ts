/**
 * Errors that a handler throws to decide what happens to its message. They are errors because throwing ends a handler
 * early, and they pass through pipes, interceptors and filters like any error.
 */

/** Sends the message to the dead-letter topic immediately, without another attempt. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter';

  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options);
  }
}

/** Discards the message: it is settled as done, counted and reported by a notice, and stored nowhere. */
export class Drop extends Error {
  override readonly name = 'Drop';

  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options);
  }
}

/**
 * Retries in `delayMs` instead of after the backoff. It uses up an attempt: after the last one the message is
 * dead-lettered.
 */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  /** Milliseconds from the moment it is thrown, >= 0. */
  readonly delayMs: number;

  /** @throws RangeError for a number that is negative or not finite */
  constructor(delayMs: number, reason = `retry after ${delayMs} ms`, options?: { readonly cause?: unknown }) {
    super(reason, options);
    if (!Number.isFinite(delayMs) || delayMs < 0)
      throw new RangeError(`RetryAfter needs milliseconds >= 0, got ${delayMs}.`);
    this.delayMs = delayMs;
  }
}
