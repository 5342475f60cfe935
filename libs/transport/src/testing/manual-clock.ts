import type { Clock } from '../contract/index.js';

interface Scheduled {
  readonly dueMs: number;
  readonly action: () => void;
}

/** A clock that stands still until a test moves it: delays are tested without waiting for them. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #scheduled = new Set<Scheduled>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  /** Actions that are still to come. */
  get pending(): number {
    return this.#scheduled.size;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, action: () => void): () => void {
    const scheduled = { dueMs: this.#nowMs + delayMs, action };
    this.#scheduled.add(scheduled);
    return () => this.#scheduled.delete(scheduled);
  }

  /** Moves time on and runs what gets due, in the order of its time; what that schedules runs too when it gets due. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#scheduled.delete(next);
      next.action();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): Scheduled | undefined {
    return [...this.#scheduled].filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}
