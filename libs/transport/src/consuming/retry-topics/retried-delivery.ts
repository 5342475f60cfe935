import { Delivery, type Headers, type RawHeaders, type Reply, type Settlement } from '../../contract/index.js';
import { isRetryHeader, withoutRetryHeaders, type RetryNote } from './retry-topics.js';

/** Values for a message without its own. */
export interface RetryFallback {
  readonly topic: string;
  readonly attempts: number;
}

/**
 * Presents a message of a retry topic as if it came from the topic of its original: handlers, dead letters and notices
 * see the original's fields. Only `raw` is the record that waited.
 *
 * It shares its state with the inner delivery: whether it runs, waits or was revoked is written there, where the driver
 * looks.
 */
export class RetriedDelivery extends Delivery {
  readonly offset: string | undefined;
  readonly publishedAt: Date | undefined;
  readonly raw: unknown;
  /** When it first failed, in milliseconds since the epoch. */
  readonly firstFailedAtMs: number | undefined;
  readonly #inner: Delivery;
  readonly #id: string | undefined;
  #headers: Headers | undefined;

  constructor(inner: Delivery, note: RetryNote, fallback: RetryFallback) {
    const attempt = (note.attempts ?? fallback.attempts) + 1;
    // The driver may remember a later attempt, of the tier that has started.
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
    // The inner delivery's `settle` applies.
  }
}

/** Not accessors of the class, because these are plain fields of every delivery, which the hot path needs. */
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
