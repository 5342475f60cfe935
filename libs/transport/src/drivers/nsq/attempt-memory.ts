/** More are forgotten, oldest first: the count of attempts then is nsqd's own. */
const MOST = 10_000;

/**
 * What nsqd's count of deliveries has to be corrected by. nsqd counts what it sends, and not what is tried: a message may be
 * tried several times in one delivery, or given back untried. This process remembers the difference for what it gave back.
 */
export class AttemptMemory {
  readonly #corrections = new Map<string, number>();

  /** The message goes back to nsqd, whose count now is `attempts`; the next attempt at it will be number `next`. */
  remember(id: string, attempts: number, next: number): void {
    const correction = next - (attempts + 1);
    if (correction === 0) return;
    if (this.#corrections.size >= MOST) this.#forgetOldest();
    this.#corrections.set(id, correction);
  }

  /** The number of the attempt that a delivery is, and forgets it. */
  attemptOf(id: string, attempts: number): number {
    if (this.#corrections.size === 0) return attempts;
    const correction = this.#corrections.get(id) ?? 0;
    this.#corrections.delete(id);
    return Math.max(1, attempts + correction);
  }

  #forgetOldest(): void {
    const [oldest] = this.#corrections.keys();
    if (oldest !== undefined) this.#corrections.delete(oldest);
  }
}
