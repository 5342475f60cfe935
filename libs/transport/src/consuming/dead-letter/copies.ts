import {
  asError,
  explanationOf,
  isTransportError,
  shown,
  TransportError,
  type Delivery,
  type Settlement,
} from '../../contract/index.js';
import { deadLetterOf, withoutContent } from './dead-letter.js';
import type { FailureLog, FailureRecord } from '../runner/failure-log.js';
import { retryCopyOf } from '../retry-topics/retry-topics.js';
import { aboutOf, type RunnerPlan, type RunnerTools } from '../runner/runner-plan.js';
import { tierEndedBy } from '../retry/tiers.js';
import { backoffMs } from '../runner/verdict.js';

/** What the runner does with an original. */
export interface OfOriginals {
  end(delivery: Delivery, settlement: Settlement): void;
  /** Keeps it in this process until its next attempt. */
  retryHere(delivery: Delivery, delayMs: number, error: unknown): void;
  /** Keeps it waiting without counting an attempt. */
  wait(delivery: Delivery, pauseMs: number): void;
}

/**
 * Stores copies of a subscription's messages in dead-letter and retry topics. The copy is stored before its original is
 * settled: a crash in between causes a duplicate, never a loss. While a copy cannot be stored, its original stays
 * unsettled.
 */
export class Copies {
  readonly #plan: RunnerPlan;
  readonly #tools: RunnerTools;
  readonly #failures: FailureLog;
  readonly #originals: OfOriginals;
  /** How to store a copy that could not be stored yet. */
  readonly #waiting = new Map<Delivery, () => Promise<void>>();

  constructor(plan: RunnerPlan, tools: RunnerTools, failures: FailureLog, originals: OfOriginals) {
    this.#plan = plan;
    this.#tools = tools;
    this.#failures = failures;
    this.#originals = originals;
  }

  /**
   * Returns what stores the copy that a delivery waits for; undefined if it waits for none. Called for each message.
   */
  waitingOf(delivery: Delivery): (() => Promise<void>) | undefined {
    return this.#waiting.size > 0 ? this.#waiting.get(delivery) : undefined;
  }

  /** Number of messages that wait because their copy cannot be stored. */
  get waiting(): number {
    return this.#waiting.size;
  }

  forget(delivery: Delivery): void {
    if (this.#waiting.size > 0) this.#waiting.delete(delivery);
  }

  /**
   * Moves the message to a retry topic if the attempt ended a tier and the subscription has a topic for the wait after
   * it; otherwise returns undefined and does nothing.
   */
  toRetryTopic(delivery: Delivery, delayMs: number): Promise<void> | undefined {
    const { retryTopics, options } = this.#plan;
    const tier = retryTopics === undefined ? undefined : tierEndedBy(delivery.attempt, options.retry);
    const retryTopic = tier === undefined ? undefined : retryTopics?.[tier - 1];
    return retryTopic === undefined ? undefined : this.#moveTo(retryTopic, delivery, delayMs);
  }

  async toDeadLetters(delivery: Delivery): Promise<void> {
    const { deadLetterTopic } = this.#plan;
    const failure = this.#failures.of(delivery);
    if (deadLetterTopic === undefined) return this.#discard(delivery, failure);
    const letter = deadLetterOf(delivery, deadLetterTopic, failure);
    const whole = await this.#tools.deadLetters.store(letter);
    const isTooLarge = isTransportError(whole, 'TRANSPORT_MESSAGE_TOO_LARGE');
    const result = isTooLarge ? await this.#tools.deadLetters.store(withoutContent(letter)) : whole;
    if (result instanceof TransportError) return this.#deadLetterFailed(delivery, deadLetterTopic, result);
    this.#tools.notices.emit('message:dead-lettered', {
      ...aboutOf(this.#plan, delivery),
      deadLetterTopic,
      error: failure.error,
      ...(isTooLarge ? { isBodyOmitted: true } : {}),
    });
    await this.#refuse(failure.error, delivery);
    this.#originals.end(delivery, { kind: 'reject', reason: asError(failure.error) });
  }

  async #discard(delivery: Delivery, { error }: FailureRecord): Promise<void> {
    await this.#refuse(error, delivery);
    const reason = `dead letters are disabled, and handling failed: ${explanationOf(error)}`;
    this.#tools.notices.emit('message:dropped', { ...aboutOf(this.#plan, delivery), reason, error });
    this.#originals.end(delivery, { kind: 'reject', reason: asError(error) });
  }

  #deadLetterFailed(delivery: Delivery, deadLetterTopic: string, cause: TransportError): void {
    const error = new TransportError(
      'TRANSPORT_DEAD_LETTER_FAILED',
      `The dead letter of message ${shown(delivery.id)} could not be stored in "${deadLetterTopic}"; its original in "${delivery.topic}" stays unsettled and is retried. ${cause.message}`,
      { retryable: true, topic: deadLetterTopic, cause },
    );
    this.#tools.notices.emit('message:dead-letter-failed', {
      ...aboutOf(this.#plan, delivery),
      deadLetterTopic,
      error,
    });
    this.storeLater(delivery, this.#pauseMs(), () => this.toDeadLetters(delivery));
  }

  async #moveTo(retryTopic: string, delivery: Delivery, delayMs: number): Promise<void> {
    const { firstFailedAt: firstFailedAtMs, error } = this.#failures.of(delivery);
    const wait = { dueAtMs: this.#tools.clock.now() + delayMs, firstFailedAtMs };
    const result = await this.#tools.deadLetters.store(retryCopyOf(delivery, retryTopic, wait));
    if (result instanceof TransportError) return this.#moveFailed(retryTopic, delivery, delayMs, result);
    this.#tools.notices.emit('message:retry-scheduled', { ...aboutOf(this.#plan, delivery), delayMs, error });
    this.#originals.end(delivery, MOVED);
  }

  /** A copy that is too large would be so at every try, so the message waits in this process instead. */
  #moveFailed(retryTopic: string, delivery: Delivery, delayMs: number, cause: TransportError): void {
    if (isTransportError(cause, 'TRANSPORT_MESSAGE_TOO_LARGE')) {
      const error = notMoved(delivery, retryTopic, cause, 'it waits in this process');
      return this.#originals.retryHere(delivery, delayMs, error);
    }
    const error = notMoved(delivery, retryTopic, cause, 'its original stays unsettled, and the copy is retried');
    const pauseMs = this.#pauseMs();
    this.#tools.notices.emit('message:retry-scheduled', { ...aboutOf(this.#plan, delivery), delayMs: pauseMs, error });
    this.storeLater(delivery, pauseMs, () => this.#moveTo(retryTopic, delivery, delayMs));
  }

  /** The letter is already stored: a requester that cannot be answered must not cause a second one. */
  async #refuse(error: unknown, delivery: Delivery): Promise<void> {
    try {
      await this.#plan.refuse?.(error, delivery);
    } catch {
      // A refusal reports its failures itself.
    }
  }

  /** Keeps the original unsettled, and calls `store` instead of its handler after the pause. */
  storeLater(delivery: Delivery, pauseMs: number, store: () => Promise<void>): void {
    this.#waiting.set(delivery, store);
    this.#originals.wait(delivery, pauseMs);
  }

  #pauseMs(): number {
    return PAUSE_MS + backoffMs(1, this.#plan.options.retry, this.#tools.random());
  }
}

/** Pause between two tries to store one copy: the broker or the topic is at fault, so retrying faster does not help. */
const PAUSE_MS = 1_000;
/** Settled as done: its copy waits in a retry topic. */
const MOVED: Settlement = Object.freeze({ kind: 'ack' });

function notMoved({ id, topic }: Delivery, retryTopic: string, cause: TransportError, what: string): TransportError {
  return new TransportError(
    cause.code,
    `Message ${shown(id)} of "${topic}" could not be stored in retry topic "${retryTopic}"; ${what}. ${cause.message}`,
    { retryable: true, topic: retryTopic, cause },
  );
}
