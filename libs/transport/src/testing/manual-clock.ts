import type { Clock } from '../contract/index.js';

interface Scheduled {
  readonly dueMs: number;
  readonly action: () => void;
}

/** A clock that only a test moves: delays are tested without waiting for them. */
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

  /** When the next action is due; undefined when none is scheduled. */
  get nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
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

  /** Advances the time and runs due actions in order, including those that they schedule. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    while (this.advanceToNext(untilMs));
    this.#nowMs = untilMs;
  }

  /**
   * Moves time to the next action and runs it.
   * @param untilMs not beyond this moment
   * @returns false when there was none
   */
  advanceToNext(untilMs = Infinity): boolean {
    const next = this.#next();
    if (next === undefined || next.dueMs > untilMs) return false;
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    this.#scheduled.delete(next);
    next.action();
    return true;
  }

  /** Of actions that are due at the same time, the one that was scheduled first. */
  #next(): Scheduled | undefined {
    let next: Scheduled | undefined;
    for (const each of this.#scheduled) if (next === undefined || each.dueMs < next.dueMs) next = each;
    return next;
  }
}
