import type { Clock } from '../../contract/index.js';

interface Waiting {
  readonly dueAt: number;
  readonly deliver: () => void;
  callOff: (() => void) | undefined;
}

/**
 * Delayed messages. The broker owns them, so they survive the connection that published them. Without an open connection no timer
 * runs, so that the process can exit.
 */
export class WaitingMessages {
  readonly #waiting = new Set<Waiting>();
  readonly #clocks: Clock[] = [];

  add(dueAt: number, deliver: () => void): void {
    const waiting: Waiting = { dueAt, deliver, callOff: undefined };
    this.#waiting.add(waiting);
    this.#schedule(waiting);
  }

  opened(clock: Clock): void {
    this.#clocks.push(clock);
    if (this.#clocks.length === 1) for (const waiting of this.#waiting) this.#schedule(waiting);
  }

  closed(clock: Clock): void {
    const index = this.#clocks.indexOf(clock);
    if (index < 0) return;
    this.#clocks.splice(index, 1);
    for (const waiting of this.#waiting) {
      waiting.callOff?.();
      this.#schedule(waiting);
    }
  }

  #schedule(waiting: Waiting): void {
    const [clock] = this.#clocks;
    waiting.callOff = clock?.schedule(Math.max(0, waiting.dueAt - clock.now()), () => {
      this.#waiting.delete(waiting);
      waiting.deliver();
    });
  }
}
