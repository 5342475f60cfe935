/** Acks of one channel that may be in flight when it closes; a power of two. */
const RECENT = 1_024;
/** Limit of remembered acks of closed channels; the oldest are forgotten first. */
const MOST_REMEMBERED = 10_000;

/** The newest acks of one channel with their attempts. Hot path: ids only, in a ring buffer. */
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
 * Acks whose channel closed after them. RabbitMQ does not confirm acks, so a lost ack shows only when its message is redelivered.
 */
export class LostAcks {
  readonly #attempts = new Map<string, number>();

  /** Stores the acks of a closed channel. */
  remember(recent: RecentAcks): void {
    recent.forEach((id, attempt) => this.#attempts.set(id, attempt));
    for (const id of this.#attempts.keys()) {
      if (this.#attempts.size <= MOST_REMEMBERED) break;
      this.#attempts.delete(id);
    }
  }

  /** Looks up a redelivered message. @returns the attempt that was acked; undefined when there is none, or it was returned before */
  recall(id: string): number | undefined {
    if (this.#attempts.size === 0) return undefined;
    const attempt = this.#attempts.get(id);
    this.#attempts.delete(id);
    return attempt;
  }
}
