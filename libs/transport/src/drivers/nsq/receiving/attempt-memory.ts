/** Most corrections; the oldest are forgotten first, and nsqd's own count then applies. */
const MOST = 10_000;

/** Identifies a delivery. An id is unique only at its nsqd. */
export interface DeliveredMessage {
  readonly nsqd: string;
  readonly id: string;
  /** nsqd's count, including this delivery. */
  readonly attempts: number;
}

/**
 * Corrects nsqd's count of deliveries to a count of attempts. nsqd counts deliveries, but a message can be attempted several times
 * in one delivery, or returned without an attempt. This process remembers the difference for messages that it returned.
 */
export class AttemptMemory {
  readonly #corrections = new Map<string, number>();

  /** Records that the message returns to nsqd, whose count is `attempts`; its next attempt has the number `next`. */
  remember({ nsqd, id, attempts }: DeliveredMessage, next: number): void {
    const correction = next - (attempts + 1);
    if (this.#corrections.size >= MOST) this.#forgetOldest();
    this.#corrections.set(`${nsqd} ${id}`, correction);
  }

  /** Whether this process returned it, which explains its earlier deliveries. */
  knows({ nsqd, id }: DeliveredMessage): boolean {
    return this.#corrections.has(`${nsqd} ${id}`);
  }

  /** Returns the attempt number of a delivery, and forgets its correction. */
  attemptOf({ nsqd, id, attempts }: DeliveredMessage): number {
    if (this.#corrections.size === 0) return attempts;
    const correction = this.#corrections.get(`${nsqd} ${id}`) ?? 0;
    this.#corrections.delete(`${nsqd} ${id}`);
    return Math.max(1, attempts + correction);
  }

  #forgetOldest(): void {
    const [oldest] = this.#corrections.keys();
    if (oldest !== undefined) this.#corrections.delete(oldest);
  }
}
