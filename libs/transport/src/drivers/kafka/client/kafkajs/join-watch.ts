import { ClientFailure } from '../seam.js';
import { toFailure } from './failures.js';

/** Longer than any pause of kafkajs between two attempts to join a group. */
const NEXT_TRY_MS = 2_500;

/**
 * Notices that kafkajs gave up a join and keeps fetching with its old membership. It does so after each error that is not a rebalance error,
 * such as a broken connection. By then the driver has recalled all deliveries and waits for the join to end.
 */
export class JoinWatch {
  readonly #silentMs: number;
  #isJoining = false;
  #openSteps = 0;
  #endedAtMs = 0;
  #failure: ClientFailure | undefined;

  /** @param silentMs how long a join may take between two of its steps, where it fetches the topics of the cluster */
  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** Runs one step of a join. @throws what the step throws */
  async step<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#isJoining = true;
    this.#failure = undefined;
    this.#openSteps++;
    try {
      return await work();
    } catch (error) {
      this.#failure = toFailure(error);
      throw error;
    } finally {
      this.#openSteps--;
      this.#endedAtMs = performance.now();
    }
  }

  joined(): void {
    this.#isJoining = false;
  }

  /** Why the join that was started last was given up; undefined while it can still succeed. */
  givenUp(nowMs: number): ClientFailure | undefined {
    if (!this.#isJoining || this.#openSteps > 0) return undefined;
    const restedMs = nowMs - this.#endedAtMs;
    if (restedMs <= (this.#failure === undefined ? this.#silentMs : NEXT_TRY_MS)) return undefined;
    return this.#failure ?? new ClientFailure('timeout', `the join made no progress for ${Math.round(restedMs)} ms`);
  }
}
