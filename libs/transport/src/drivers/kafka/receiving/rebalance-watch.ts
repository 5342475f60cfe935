import type { Clock } from '../../../contract/index.js';

/** A rebalance that takes longer is reported, so that health shows within 10 seconds that nothing is delivered. */
const LATE_MS = 8_000;

/** What a member waits for. */
type Phase = 'join' | 'positions';

/**
 * Measures how long a rebalance stops deliveries to a member: from the moment it starts no more handlers until the start position of
 * each partition is known. The group waits for members that do not respond (`sessionTimeoutMs`, `rebalanceTimeoutMs`), and nothing
 * else reports that.
 */
export class RebalanceWatch {
  readonly #clock: Clock;
  readonly #group: string;
  readonly #late: (warning: string) => void;
  #sinceMs: number | undefined;
  #phase: Phase = 'join';
  /** False until the member was placed once; until then health reports the start. */
  #isStarted = false;
  #isEnded = false;
  #callOff: (() => void) | undefined;

  /** @param late called once per rebalance that takes too long */
  constructor(clock: Clock, group: string, late: (warning: string) => void) {
    this.#clock = clock;
    this.#group = group;
    this.#late = late;
  }

  /** Describes a rebalance that takes too long, in one sentence. */
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

  /** Stops measuring, because the failure is reported elsewhere or the rebalance is over. */
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
        ? 'handlers here have not finished, or Kafka waits for another member until its session times out (sessionTimeoutMs)'
        : 'the brokers have not returned the offsets to read from';
    return `group "${this.#group}" has been rebalancing for ${seconds} s and delivers nothing to this process: ${reason}`;
  }
}
