import { AsyncLocalStorage } from 'node:async_hooks';

/** One run of a handler: of one message, or of a batch. */
interface HandlerCall {
  readonly of: HandlerCalls;
  readonly messages: number;
  isOver: boolean;
}

const current = new AsyncLocalStorage<HandlerCall>();

/**
 * Knows whether code runs inside a handler of a subscription: a handler that waits until the handlers of its own subscription have ended
 * would wait for itself.
 *
 * n.b. only while `isTracked`, because an AsyncLocalStorage costs each promise of the process something (on Node 20 a third of the
 * throughput of short handlers). Whoever gives controls away switches it on.
 */
export class HandlerCalls {
  isTracked = false;
  /** Calls that wait for the others. */
  readonly #waiting = new Map<HandlerCall, number>();

  /** Runs a handler to its end. @param messages that it was given */
  async track<Result>(messages: number, work: () => Promise<Result>): Promise<Result> {
    const call = { of: this, messages, isOver: false };
    try {
      return await current.run(call, work);
    } finally {
      call.isOver = true;
    }
  }

  /** Messages of handlers that wait for the others. */
  get waiting(): number {
    return [...this.#waiting.keys()].reduce((sum, { messages }) => sum + messages, 0);
  }

  /** Notes that the handler around the caller waits, until the returned function is called; undefined outside of this subscription's handlers. */
  beginWait(): (() => void) | undefined {
    const call = current.getStore();
    // n.b. a context outlives its handler: timers and promises of it carry it on.
    if (call?.of !== this || call.isOver) return undefined;
    this.#waiting.set(call, (this.#waiting.get(call) ?? 0) + 1);
    return () => {
      const left = (this.#waiting.get(call) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(call);
      else this.#waiting.set(call, left);
    };
  }
}
