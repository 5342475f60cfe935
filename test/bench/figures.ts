/** What one run of one row measured. */
export interface Figures {
  readonly messages: number;
  readonly ms: number;
  /** User and system time of the whole process, garbage collector included. */
  readonly cpuUs: number;
  /** Anything else worth reading: `{ dead-lettered: 1 }`. */
  readonly notes?: Readonly<Record<string, number>>;
}

export const perSecond = ({ messages, ms }: Figures): number => (messages / ms) * 1_000;
export const cpuPerMessage = ({ messages, cpuUs }: Figures): number => cpuUs / messages;

/** Part of the messages that only warms up: the compiler, the connections, the heap. */
export const WARM_UP = 0.25;

/** Measures what happens between its making and `stop`. */
export class Stopwatch {
  readonly #startedAt = performance.now();
  readonly #cpu = process.cpuUsage();

  stop(messages: number): Figures {
    const ms = performance.now() - this.#startedAt;
    const { user, system } = process.cpuUsage(this.#cpu);
    return { messages, ms, cpuUs: user + system };
  }
}

/** Counts received messages, and measures from the end of the warm-up to the last one. */
export class Meter {
  readonly done: Promise<Figures>;
  readonly #warmUp: number;
  readonly #total: number;
  #seen = 0;
  #stopwatch = new Stopwatch();
  #resolve: (figures: Figures) => void = () => undefined;

  constructor(total: number) {
    this.#total = total;
    this.#warmUp = Math.floor(total * WARM_UP);
    this.done = new Promise((resolve) => (this.#resolve = resolve));
  }

  get seen(): number {
    return this.#seen;
  }

  count(): void {
    this.#seen++;
    if (this.#seen === this.#warmUp) this.#stopwatch = new Stopwatch();
    if (this.#seen === this.#total) this.#resolve(this.#stopwatch.stop(this.#total - this.#warmUp));
  }
}
