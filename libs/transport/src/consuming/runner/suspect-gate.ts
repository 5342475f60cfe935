import type { Clock, Delivery } from '../../contract/index.js';

/** Number of processes that ended without settling a message before it runs alone; one may end for another reason. */
const RUNS_ALONE_FROM = 2;
/** How long the first suspect waits for others to arrive: only the last one is certain to be what ends the process. */
const GATHER_MS = 1_000;
/** How long a suspect waits for running handlers; then it runs alongside them, because some handlers never end. */
const PATIENCE_MS = 60_000;

/** Whether a message may be what ends the processes that receive it. */
export const isSuspect = ({ suspicion }: Delivery): boolean => suspicion >= RUNS_ALONE_FROM;

/**
 * Runs suspects alone, one at a time and before any other message of this process: if the process ends again, only the
 * message that ended it has used an attempt. The order is random: where the broker counts a delivery for everything in
 * flight, the message that ends the process must not always precede the same others.
 */
export class SuspectGate {
  readonly #clock: Clock;
  readonly #random: () => number;
  #running = 0;
  #runsAlone = false;
  readonly #suspects: (() => void)[] = [];
  readonly #others: (() => void)[] = [];
  #callOffPatience: (() => void) | undefined;
  /** Number of suspects in the process that wait for their turn, for a retry or for their key. */
  #known = 0;
  #isGathering = false;
  #callOffGathering: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether no other suspect is left: if processes were ended, it was by this message. */
  get isLast(): boolean {
    return this.#known <= 1;
  }

  /** Called when a suspect arrives. */
  arrived(): void {
    this.#known++;
    if (this.#known > 1 || this.#isGathering || this.#isOver) return;
    this.#isGathering = true;
    this.#callOffGathering = this.#clock.schedule(GATHER_MS, () => {
      this.#isGathering = false;
      this.#next();
    });
  }

  /** Called when a suspect is settled or revoked. */
  gone(): void {
    this.#known--;
  }

  /** Called at shutdown: nothing that waits starts any more, and no timer is left. */
  end(): void {
    this.#isOver = true;
    this.#callOffGathering?.();
    this.#callOffPatience?.();
  }

  /**
   * Returns undefined if the message can run immediately, otherwise a Promise of its turn. `leave` is called when it
   * has ended. Hot path.
   */
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
