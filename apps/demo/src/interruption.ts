import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Ctrl-C and SIGTERM as an abort, so that whatever is open is closed in order. A second one ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #signal: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of SIGNALS) process.once(signal, this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As a shell would see a program that such a signal ended. */
  get exitCode(): number {
    return this.#signal === undefined ? 0 : 128 + constants.signals[this.#signal];
  }

  /** Resolves at the first signal. */
  async happened(): Promise<void> {
    if (this.signal.aborted) return;
    // A pending promise alone does not keep Node up, and neither does a signal's listener.
    const awake = setInterval(() => undefined, 60_000);
    await new Promise((resolve) => this.signal.addEventListener('abort', resolve, { once: true }));
    clearInterval(awake);
  }

  stopListening(): void {
    for (const signal of SIGNALS) process.off(signal, this.#abort);
  }

  readonly #abort = (signal: NodeJS.Signals): void => {
    this.#signal = signal;
    this.stopListening();
    this.#controller.abort(new Error(`interrupted by ${signal}`));
  };
}
