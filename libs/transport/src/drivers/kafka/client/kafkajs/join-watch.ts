import { ClientFailure } from '../seam.js';
import { toFailure } from './failures.js';

/** Longer than any pause of kafkajs between two tries to join a group. */
const NEXT_TRY_MS = 2_500;

/**
 * Notices that kafkajs has given up a join and goes on fetching with the membership that it had. It does so after each error that it does
 * not take for a rebalance, such as a connection that breaks. By then the driver has taken everything back, and waits for the join to end.
 */
export class JoinWatch {
  readonly #silentMs: number;
  #isJoining = false;
  #openSteps = 0;
  #endedAtMs = 0;
  #failure: ClientFailure | undefined;

  /** @param silentMs how long a join may take between two of its steps: it asks the cluster for its topics then */
  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** A step of a join: the first one of each try, and those that follow. @throws what the step throws */
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

  /** Why the join that was begun last will not be gone on with; undefined while it may be. */
  givenUp(nowMs: number): ClientFailure | undefined {
    if (!this.#isJoining || this.#openSteps > 0) return undefined;
    const restedMs = nowMs - this.#endedAtMs;
    if (restedMs <= (this.#failure === undefined ? this.#silentMs : NEXT_TRY_MS)) return undefined;
    return this.#failure ?? new ClientFailure('timeout', `the join did not go on for ${Math.round(restedMs)} ms`);
  }
}
