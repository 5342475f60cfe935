import type { RunnerPlan } from './runner-plan.js';

/** Somebody who waits until no other handler runs. */
interface StillWaiter {
  readonly resolve: () => void;
  /** Of one that is itself inside a handler. */
  readonly endWait: (() => void) | undefined;
}

/** Those who wait until no other handler of a subscription runs. One of them may be a handler of it itself. */
export class StillWaiters {
  readonly #plan: Pick<RunnerPlan, 'calls'>;
  #waiters: StillWaiter[] = [];

  constructor(plan: Pick<RunnerPlan, 'calls'>) {
    this.#plan = plan;
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Resolves when no handler runs; where a handler calls it, when no other one runs that does not wait as well. */
  wait(running: number): Promise<void> {
    if (running === 0) return Promise.resolve();
    const endWait = this.#plan.calls?.beginWait();
    return new Promise((resolve) => {
      this.#waiters.push({ resolve, endWait });
      this.tell(running);
    });
  }

  /** So many handlers run. */
  tell(running: number): void {
    const { waiting = 0 } = this.#plan.calls ?? {};
    const isStill = ({ endWait }: StillWaiter): boolean => running <= (endWait === undefined ? 0 : waiting);
    const still = this.#waiters.filter(isStill);
    this.#waiters = this.#waiters.filter((waiter) => !still.includes(waiter));
    for (const { resolve, endWait } of still) {
      endWait?.();
      resolve();
    }
  }
}
