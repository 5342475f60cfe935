import { Fifo } from '../../../shared/index.js';
import { withUnknownOutcome, type NsqError } from './failure.js';

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: (text: string) => void;
  readonly reject: (error: NsqError) => void;
}

/** Who waits for an answer, in the order the commands were sent: nsqd answers in that order and by no other name. */
export class Replies {
  readonly #waiting = new Fifo<Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  /** When the one who waits longest began; undefined when nobody does. */
  get oldestMs(): number | undefined {
    return this.#waiting.peek()?.sinceMs;
  }

  expect(sinceMs: number): Promise<string> {
    return new Promise((resolve, reject) => this.#waiting.push({ sinceMs, resolve, reject }));
  }

  /** False when nobody asked. */
  answer(text: string): boolean {
    const first = this.#waiting.shift();
    first?.resolve(text);
    return first !== undefined;
  }

  /**
   * nsqd refused the first command and closes: it answered all before it, and never looked at those behind it.
   * @param ended what those behind it are told
   */
  refuseFirst(error: NsqError, ended: NsqError): void {
    this.#waiting.shift()?.reject(error);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(ended);
  }

  /** The connection ended without a word: whatever was sent may have been done. */
  loseAll(error: NsqError): void {
    const unknown = withUnknownOutcome(error);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) next.reject(unknown);
  }
}
