/** A condition may also depend on the clock alone: a health that forgets a trouble raises no notice. */
const LOOK_EVERY_MS = 100;

/**
 * Lets a conformance case wait for an event without a sleep. The condition is checked after every change and every
 * 100 ms; at the deadline the wait fails with a sentence.
 */
export class Watch {
  readonly #looks = new Set<() => void>();
  #looking = false;
  readonly #deadlineMs: number;
  readonly #story: () => string;

  /** @param story what was seen so far, for the sentence of a wait that failed */
  constructor(deadlineMs: number, story: () => string) {
    this.#deadlineMs = deadlineMs;
    this.#story = story;
  }

  /** To be called whenever something happened that a condition may depend on. Many changes of one turn cost one look. */
  readonly changed = (): void => {
    if (this.#looking || this.#looks.size === 0) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      for (const look of [...this.#looks]) look();
    });
  };

  /** @throws Error naming `what` when `condition` does not hold before the deadline */
  until(what: string, condition: () => boolean, deadlineMs = this.#deadlineMs): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#looks.delete(look);
        clearTimeout(timer);
        clearInterval(looking);
        settle();
      };
      const look = (): void => {
        if (condition()) end(resolve);
      };
      const timer = setTimeout(() => end(() => reject(this.#missed(what, deadlineMs))), deadlineMs);
      const looking = setInterval(look, LOOK_EVERY_MS);
      this.#looks.add(look);
      look();
    });
  }

  /** The promise's own result, unless it takes longer than the deadline. */
  async within<T>(what: string, promise: Promise<T>, deadlineMs = this.#deadlineMs): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#missed(what, deadlineMs)), deadlineMs);
    });
    try {
      return await Promise.race([promise, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }

  #missed(what: string, deadlineMs: number): Error {
    return new Error(`${what}: not within ${deadlineMs} ms. ${this.#story()}`);
  }
}
