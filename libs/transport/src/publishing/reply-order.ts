import type { Reply } from '../contract/index.js';

/**
 * Passes the replies to one request on in the order in which they were sent, whatever order they come in: where a broker keeps
 * no order, the last one could come before another, which would be lost. A value that comes twice is passed on once.
 */
export class ReplyOrder {
  readonly #onReply: (reply: Reply) => void;
  readonly #early = new Map<number, Reply>();
  #next = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** @param index its place, from 0; undefined where the responder does not say it: then it is passed on as it comes */
  take(reply: Reply, index: number | undefined): void {
    if (index === undefined) return this.#onReply(reply);
    if (index > this.#next) return void this.#early.set(index, reply);
    if (index < this.#next) return this.#takeAgain(reply);
    for (let each: Reply | undefined = reply; each !== undefined; each = this.#takeEarly()) {
      this.#next++;
      this.#onReply(each);
    }
  }

  /** Of another attempt at the request, which counts from 0 again. What ends the request is needed all the same. */
  #takeAgain(reply: Reply): void {
    if (reply.kind !== 'value' || reply.last) this.#onReply(reply);
  }

  #takeEarly(): Reply | undefined {
    const reply = this.#early.get(this.#next);
    this.#early.delete(this.#next);
    return reply;
  }
}
