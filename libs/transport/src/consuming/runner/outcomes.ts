/**
 * Words a handler throws to say what shall become of its message. They are errors, because throwing is how a handler
 * ends early, and they pass through pipes, interceptors and filters as any error does.
 */

/** Give up at once: the message goes to the dead-letter topic without another attempt. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter';

  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options);
  }
}

/** Forget the message: it is settled as done, counted and told by notice, and stored nowhere. */
export class Drop extends Error {
  override readonly name = 'Drop';

  constructor(reason: string, options?: { readonly cause?: unknown }) {
    super(reason, options);
  }
}

/** Try again in `delayMs`, instead of after the backoff. It uses up an attempt: after the last one the message is a dead letter. */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  /** Milliseconds from the moment it is thrown, >= 0. */
  readonly delayMs: number;

  /** @throws RangeError for a number that is negative or not finite */
  constructor(delayMs: number, reason = `retry after ${delayMs} ms`, options?: { readonly cause?: unknown }) {
    super(reason, options);
    if (!Number.isFinite(delayMs) || delayMs < 0)
      throw new RangeError(`RetryAfter takes milliseconds >= 0, got ${delayMs}.`);
    this.delayMs = delayMs;
  }
}
