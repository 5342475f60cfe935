import type { Clock, Delivery } from '../../contract/index.js';

/** Processes that a message was with, and that ended without a word of it, before it runs alone: one may end by itself. */
const RUNS_ALONE_FROM = 2;
/** So long the first suspect waits for others to arrive: only of the last one is it certain that no other ends the process. */
const GATHER_MS = 1_000;
/** So long a suspect waits for handlers that run; then it runs beside them, as some handlers have no end. */
const PATIENCE_MS = 60_000;

/** Whether a message may be the one that ends the processes it is given to. */
export const isSuspect = ({ suspicion }: Delivery): boolean => suspicion >= RUNS_ALONE_FROM;

/**
 * Runs suspects alone, one at a time and before anything else of this process: when the process ends again, only the one that
 * ended it has had an attempt. In any order: where the broker counts for all that were in flight, one that ends the process
 * must not always come before the same others.
 */
export class SuspectGate {
  readonly #clock: Clock;
  readonly #random: () => number;
  #running = 0;
  #runsAlone = false;
  readonly #suspects: (() => void)[] = [];
  readonly #others: (() => void)[] = [];
  #callOffPatience: (() => void) | undefined;
  /** Suspects with the process, whether they wait for their turn, for a retry or for their key. */
  #known = 0;
  #isGathering = false;
  #callOffGathering: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** No other suspect is left: if it has ended processes, it was this one. */
  get isLast(): boolean {
    return this.#known <= 1;
  }

  /** A suspect has come to the process. */
  arrived(): void {
    this.#known++;
    if (this.#known > 1 || this.#isGathering || this.#isOver) return;
    this.#isGathering = true;
    this.#callOffGathering = this.#clock.schedule(GATHER_MS, () => {
      this.#isGathering = false;
      this.#next();
    });
  }

  /** A suspect has its end, or is with somebody else. */
  gone(): void {
    this.#known--;
  }

  /** The process ends: nothing that waits begins any more, and no timer is left. */
  end(): void {
    this.#isOver = true;
    this.#callOffGathering?.();
    this.#callOffPatience?.();
  }

  /** undefined: it may run at once, else when the promise has resolved. `leave` is called when it has ended. n.b. hot path. */
  enter(isSuspect: boolean): Promise<void> | undefined {
    if (isSuspect) return this.#waitAmong(this.#suspects);
    if (this.#runsAlone || this.#isGathering || this.#suspects.length > 0) return this.#waitAmong(this.#others);
    this.#running++;
    return undefined;
  }

  leave(isSuspect: boolean): void {
    if (isSuspect) this.#runsAlone = false;
    else this.#running--;
    if (this.#suspects.length > 0 || this.#others.length > 0) this.#next();
  }

  #waitAmong(waiting: (() => void)[]): Promise<void> {
    return new Promise((resolve) => {
      waiting.push(resolve);
      this.#next();
    });
  }

  #next(): void {
    if (this.#runsAlone || this.#isGathering || this.#isOver) return;
    if (this.#suspects.length === 0) return this.#letOthersIn();
    if (this.#running === 0) return this.#letSuspectIn();
    this.#callOffPatience ??= this.#clock.schedule(PATIENCE_MS, () => {
      this.#callOffPatience = undefined;
      if (!this.#runsAlone && this.#suspects.length > 0) this.#letSuspectIn();
    });
  }

  #letSuspectIn(): void {
    this.#callOffPatience?.();
    this.#callOffPatience = undefined;
    this.#runsAlone = true;
    const [start] = this.#suspects.splice(Math.floor(this.#random() * this.#suspects.length), 1);
    start?.();
  }

  #letOthersIn(): void {
    for (const start of this.#others.splice(0)) {
      this.#running++;
      start();
    }
  }
}
