/** Acks of one channel that may be under way when it ends; a power of two. */
const RECENT = 1_024;
/** Of channels that ended; more are forgotten, oldest first. */
const MOST_REMEMBERED = 10_000;

/** The newest acks of one channel, with the attempt that each ended. n.b. hot path: ids only, in a ring. */
export class RecentAcks {
  readonly #ids: string[] = [];
  readonly #attempts: number[] = [];
  #count = 0;

  add(id: string, attempt: number): void {
    const place = this.#count++ & (RECENT - 1);
    this.#ids[place] = id;
    this.#attempts[place] = attempt;
  }

  forEach(take: (id: string, attempt: number) => void): void {
    this.#ids.forEach((id, place) => take(id, this.#attempts[place] ?? 1));
  }
}

/**
 * Acks whose channel ended after them. RabbitMQ confirms no ack, so it is known that one was lost only when its message comes
 * again.
 */
export class LostAcks {
  readonly #attempts = new Map<string, number>();

  /** The channel has ended. */
  remember(recent: RecentAcks): void {
    recent.forEach((id, attempt) => this.#attempts.set(id, attempt));
    for (const id of this.#attempts.keys()) {
      if (this.#attempts.size <= MOST_REMEMBERED) break;
      this.#attempts.delete(id);
    }
  }

  /** The message was delivered again. @returns the attempt that was acked; undefined where none was, or it was asked before */
  recall(id: string): number | undefined {
    if (this.#attempts.size === 0) return undefined;
    const attempt = this.#attempts.get(id);
    this.#attempts.delete(id);
    return attempt;
  }
}
