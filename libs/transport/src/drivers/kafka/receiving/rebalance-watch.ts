import type { Clock } from '../../../contract/index.js';

/** A rebalance that takes longer is reported: health says within 10 seconds that nothing is delivered. */
const LATE_MS = 8_000;

/** What a member waits for. */
type Phase = 'join' | 'positions';

/**
 * Watches how long a member of a group gets nothing because of a rebalance: from the moment it stops to begin handlers, until it
 * is known where each of its partitions is read from. The group waits for members that do not answer (`sessionTimeoutMs`,
 * `rebalanceTimeoutMs`), and nobody else reports that.
 */
export class RebalanceWatch {
  readonly #clock: Clock;
  readonly #group: string;
  readonly #late: (warning: string) => void;
  #sinceMs: number | undefined;
  #phase: Phase = 'join';
  /** A member that has not had its place yet is being started, and health says so. */
  #isStarted = false;
  #isEnded = false;
  #callOff: (() => void) | undefined;

  /** @param late called once for each rebalance that takes too long */
  constructor(clock: Clock, group: string, late: (warning: string) => void) {
    this.#clock = clock;
    this.#group = group;
    this.#late = late;
  }

  /** One sentence when it takes too long. */
  get problem(): string | undefined {
    if (this.#sinceMs === undefined) return undefined;
    const lastsMs = this.#clock.monotonicMs() - this.#sinceMs;
    return lastsMs < LATE_MS ? undefined : this.#sentence(Math.round(lastsMs / 1_000));
  }

  waitsFor(phase: Phase): void {
    this.#phase = phase;
    if (this.#sinceMs !== undefined || !this.#isStarted || this.#isEnded) return;
    this.#sinceMs = this.#clock.monotonicMs();
    this.#callOff = this.#clock.schedule(LATE_MS, () => this.#late(this.problem ?? ''));
  }

  /** Each partition is placed. */
  placed(): void {
    this.#isStarted = true;
    this.rest();
  }

  /** What is wrong is reported elsewhere, or nothing is to come. */
  rest(): void {
    this.#sinceMs = undefined;
    this.#callOff?.();
  }

  end(): void {
    this.#isEnded = true;
    this.rest();
  }

  #sentence(seconds: number): string {
    const reason =
      this.#phase === 'join'
        ? 'handlers that run here have not ended, or Kafka waits for another member, at most until its session is over (sessionTimeoutMs)'
        : 'the brokers have not said where to read on';
    return `group "${this.#group}" has been rebalancing for ${seconds} s and delivers nothing here: ${reason}`;
  }
}
