/** More are forgotten, oldest first: the count of attempts then is nsqd's own. */
const MOST = 10_000;

/** What is known of a delivery. n.b. an id is unique at its nsqd only. */
export interface DeliveredMessage {
  readonly nsqd: string;
  readonly id: string;
  /** nsqd's count, this delivery included. */
  readonly attempts: number;
}

/**
 * What nsqd's count of deliveries has to be corrected by. nsqd counts what it sends, and not what is tried: a message may be
 * tried several times in one delivery, or given back untried. This process remembers the difference for what it gave back.
 */
export class AttemptMemory {
  readonly #corrections = new Map<string, number>();

  /** The message goes back to nsqd, whose count now is `attempts`; the next attempt at it will be number `next`. */
  remember({ nsqd, id, attempts }: DeliveredMessage, next: number): void {
    const correction = next - (attempts + 1);
    if (this.#corrections.size >= MOST) this.#forgetOldest();
    this.#corrections.set(`${nsqd} ${id}`, correction);
  }

  /** True when this process gave it back: its deliveries before are explained. */
  knows({ nsqd, id }: DeliveredMessage): boolean {
    return this.#corrections.has(`${nsqd} ${id}`);
  }

  /** The number of the attempt that a delivery is, and forgets it. */
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
