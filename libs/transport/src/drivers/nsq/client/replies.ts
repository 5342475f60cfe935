import { Fifo } from '../../../shared/index.js';
import { withUnknownOutcome, type NsqError } from './failure.js';

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: (text: string) => void;
  readonly reject: (error: NsqError) => void;
}

/** Pending replies, in the order of the commands: nsqd replies in this order, without any id. */
export class Replies {
  readonly #waiting = new Fifo<Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /** When the oldest pending command was sent; undefined if there is none. */
  get oldestMs(): number | undefined {
    return this.#waiting.peek()?.sinceMs;
  }

  expect(sinceMs: number): Promise<string> {
    return new Promise((resolve, reject) => this.#waiting.push({ sinceMs, resolve, reject }));
  }

  /** Resolves the oldest pending reply. @returns false if there is none */
  answer(text: string): boolean {
    const first = this.#waiting.shift();
    first?.resolve(text);
    return first !== undefined;
  }

  /**
   * nsqd rejected the first command and closes: it replied to all before it, and ignored those behind it.
   * @param ended the error for those behind it
   */
  refuseFirst(error: NsqError, ended: NsqError): void {
    this.#waiting.shift()?.reject(error);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(ended);
  }

  /** The connection ended without an error: whatever was sent may have been done. */
  loseAll(error: NsqError): void {
    const unknown = withUnknownOutcome(error);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(unknown);
  }
}
