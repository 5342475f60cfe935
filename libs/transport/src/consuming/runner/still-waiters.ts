import type { RunnerPlan } from './runner-plan.js';

/** A caller that waits until no other handler runs. */
interface StillWaiter {
  readonly resolve: () => void;
  /** Set for a caller that is itself inside a handler. */
  readonly endWait: (() => void) | undefined;
}

/** Callers that wait until no other handler of a subscription runs. One of them can be a handler of it. */
export class StillWaiters {
  readonly #plan: Pick<RunnerPlan, 'calls'>;
  #waiters: StillWaiter[] = [];

  constructor(plan: Pick<RunnerPlan, 'calls'>) {
    this.#plan = plan;
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** Resolves when no handler runs. If a handler calls it, handlers that wait here as well do not count. */
  wait(running: number): Promise<void> {
    if (running === 0) return Promise.resolve();
    const endWait = this.#plan.calls?.beginWait();
    return new Promise((resolve) => {
      this.#waiters.push({ resolve, endWait });
      this.update(running);
    });
  }

  /** Reports how many handlers run. */
  update(running: number): void {
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
