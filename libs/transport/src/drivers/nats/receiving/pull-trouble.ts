/** Waits before a consumer is asked again that did not give out messages: at once, then doubling, then steady. */
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 3_000;
/** A single refusal may be about a setting that has just been changed. */
const REPORTED_FROM = 2;

/** How often in a row one consumer has not given out messages as it was asked to, and why. */
export class PullTrouble {
  #times = 0;
  #reason: string | undefined;

  /** What to report; undefined while there is nothing to report. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get isThere(): boolean {
    return this.#times > 0;
  }

  /** @param isCertain whether asking again cannot change it @returns how long to wait before asking again */
  add(reason: string, isCertain: boolean): number {
    const waitMs = this.#times === 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#times - 1));
    this.#times++;
    if (isCertain || this.#times >= REPORTED_FROM) this.#reason = reason;
    return isCertain ? Math.max(waitMs, FIRST_WAIT_MS) : waitMs;
  }

  clear(): void {
    this.#times = 0;
    this.#reason = undefined;
  }
}
