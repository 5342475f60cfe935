import type { Reply } from '../contract/index.js';

/**
 * Passes on the replies to one request in the order in which they were sent. On a broker without ordering the last
 * reply could arrive before another one, which would be lost. A repeated value is passed on once.
 */
export class ReplyOrder {
  readonly #onReply: (reply: Reply) => void;
  readonly #early = new Map<number, Reply>();
  #next = 0;

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /**
   * @param index its index, from 0; undefined if the responder does not send it: the reply is then passed on as it
   *   arrives
   */
  take(reply: Reply, index: number | undefined): void {
    if (index === undefined) return this.#onReply(reply);
    if (index > this.#next) return void this.#early.set(index, reply);
    if (index < this.#next) return this.#takeAgain(reply);
    for (let each: Reply | undefined = reply; each !== undefined; each = this.#takeEarly()) {
      this.#next++;
      this.#onReply(each);
    }
  }

  /**
   * Handles a reply of another attempt at the request, which counts from 0 again. The end of the request is still
   * needed.
   */
  #takeAgain(reply: Reply): void {
    if (reply.kind !== 'value' || reply.last) this.#onReply(reply);
  }

  #takeEarly(): Reply | undefined {
    const reply = this.#early.get(this.#next);
    this.#early.delete(this.#next);
    return reply;
  }
}
