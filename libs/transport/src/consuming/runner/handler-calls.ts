import { AsyncLocalStorage } from 'node:async_hooks';

/** One run of a handler, for one message or a batch. */
interface HandlerCall {
  readonly of: HandlerCalls;
  readonly messages: number;
  isOver: boolean;
}

const current = new AsyncLocalStorage<HandlerCall>();

/**
 * Knows whether code runs inside a handler of a subscription: a handler that waits for all handlers of its own
 * subscription would wait for itself.
 *
 * It is active only while `isTracked`, because an AsyncLocalStorage slows every Promise of the process (on Node 20 it
 * costs a third of the throughput of short handlers). Whoever returns a control switches it on.
 */
export class HandlerCalls {
  isTracked = false;
  /** Calls that wait for the others. */
  readonly #waiting = new Map<HandlerCall, number>();

  /** Runs a handler to its end. @param messages the number of its messages */
  async track<Result>(messages: number, work: () => Promise<Result>): Promise<Result> {
    const call = { of: this, messages, isOver: false };
    try {
      return await current.run(call, work);
    } finally {
      call.isOver = true;
    }
  }

  /** Number of messages whose handlers wait for the others. */
  get waiting(): number {
    return [...this.#waiting.keys()].reduce((sum, { messages }) => sum + messages, 0);
  }

  /**
   * Records that the handler around the caller waits, until the returned function is called; undefined outside this
   * subscription's handlers.
   */
  beginWait(): (() => void) | undefined {
    const call = current.getStore();
    // A context outlives its handler, because its timers and promises keep it.
    if (call?.of !== this || call.isOver) return undefined;
    this.#waiting.set(call, (this.#waiting.get(call) ?? 0) + 1);
    return () => {
      const left = (this.#waiting.get(call) ?? 1) - 1;
      if (left === 0) this.#waiting.delete(call);
      else this.#waiting.set(call, left);
    };
  }
}
