import { Delivery, type Headers, type RawHeaders, type Reply, type Settlement } from '../../contract/index.js';
import { isRetryHeader, withoutRetryHeaders, type RetryNote } from './retry-topics.js';

/** Of a message that says nothing of itself. */
export interface RetryFallback {
  readonly topic: string;
  readonly attempts: number;
}

/**
 * A message of a retry topic, as if it came from the topic of its original: what a handler, a dead letter and a notice tell of
 * it is the original's. Only `raw` is the record that waited.
 *
 * It has one life with the delivery inside: whether it runs, waits or was taken back is written there, where the driver looks.
 */
export class RetriedDelivery extends Delivery {
  readonly offset: string | undefined;
  readonly publishedAt: Date | undefined;
  readonly raw: unknown;
  /** Since when it fails, in milliseconds since the epoch. */
  readonly firstFailedAtMs: number | undefined;
  readonly #inner: Delivery;
  readonly #id: string | undefined;
  #headers: Headers | undefined;

  constructor(inner: Delivery, note: RetryNote, fallback: RetryFallback) {
    const attempt = (note.attempts ?? fallback.attempts) + 1;
    // n.b. the driver may remember a later one, of the tier that has begun.
    super(
      note.topic ?? fallback.topic,
      inner.group,
      inner.key,
      inner.body,
      Math.max(attempt, inner.attempt),
      note.partition,
    );
    this.offset = note.offset;
    this.publishedAt = note.publishedAtMs === undefined ? inner.publishedAt : new Date(note.publishedAtMs);
    this.raw = inner.raw;
    this.firstFailedAtMs = note.firstFailedAtMs;
    this.#inner = inner;
    this.#id = note.id;
    this.#headers = undefined;
    shareFields(this, inner);
  }

  override get id(): string {
    return this.#id ?? this.#inner.id;
  }

  override get reply(): ((reply: Reply) => void | Promise<void>) | undefined {
    return this.#inner.reply;
  }

  override get rawKey(): Buffer | undefined {
    return this.#inner.rawKey;
  }

  override get rawHeaders(): RawHeaders | undefined {
    return withoutRetryHeaders(this.#inner.rawHeaders);
  }

  get headers(): Headers {
    return (this.#headers ??= withoutRetryHeaders(this.#inner.headers));
  }

  header(name: string): string | undefined {
    return isRetryHeader(name) ? undefined : this.#inner.header(name);
  }

  override settle(settlement: Settlement): boolean {
    return this.#inner.settle(settlement);
  }

  override park(nextAttempt: number, delayMs: number): void {
    this.attempt = nextAttempt;
    this.#inner.park(nextAttempt, delayMs);
  }

  override get suspicion(): number {
    return this.#inner.suspicion;
  }

  override get suspectsFollowWithinMs(): number {
    return this.#inner.suspectsFollowWithinMs;
  }

  override recordStart(): void | Promise<void> {
    return this.#inner.recordStart();
  }

  override mayBegin(): boolean {
    return this.#inner.mayBegin();
  }

  override revoke(): void {
    this.#inner.revoke();
  }

  protected settled(): void {
    // `settle` is the inner delivery's.
  }
}

/** n.b. not accessors of the class: these are fields of every delivery, for the sake of the hot path. */
function shareFields(outer: Delivery, inner: Delivery): void {
  for (const name of ['state', 'notBeforeMs', 'aborts'] as const) {
    Object.defineProperty(outer, name, {
      get: () => inner[name],
      set: (value: never) => {
        inner[name] = value;
      },
    });
  }
}
