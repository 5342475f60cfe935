import { shown, TransportError, type Delivery } from '../../contract/index.js';
import type { RunnerPlan, RunnerTools } from './runner-plan.js';
import { isSuspect, SuspectGate } from './suspect-gate.js';
import { attemptsInAll, hasTiers } from '../retry/tiers.js';

/**
 * Deliveries beyond the attempts of all tiers that a message may have, where the broker counts them: those that a process was given and
 * did not begin, because it was ended, count as well, and must not cost a message its attempts.
 */
const UNFINISHED_DELIVERIES = 10;
/** Deliveries before a suspect runs alone. */
const RUN_TOGETHER = 2;
/** The same for one of many suspects. More than half of the others get their end with each process, so this is for several guilty ones. */
const MOST_AMONG_SUSPECTS = 30;

/**
 * The suspects of one subscription: when each may run, and which messages came so often, without a failure that was seen, that
 * they are given up.
 */
export class Suspects {
  readonly #plan: RunnerPlan;
  readonly #clock: RunnerTools['clock'];
  readonly #gate: SuspectGate;
  readonly #maxAttempts: number;
  /** When each came. */
  readonly #receivedAtMs = new Map<Delivery, number>();

  constructor(plan: RunnerPlan, tools: RunnerTools) {
    this.#plan = plan;
    this.#clock = tools.clock;
    this.#gate = tools.suspects ?? new SuspectGate(tools.clock, tools.random);
    this.#maxAttempts = attemptsInAll(plan.options.retry);
  }

  add(suspect: Delivery): void {
    this.#receivedAtMs.set(suspect, this.#clock.monotonicMs());
    this.#gate.arrived();
  }

  /** It has its end, or is with somebody else. Any delivery may be given. n.b. hot path. */
  remove(delivery: Delivery): void {
    if (this.#receivedAtMs.size > 0 && this.#receivedAtMs.delete(delivery)) this.#gate.gone();
  }

  /** See `SuspectGate.enter`. */
  enter(isAlone: boolean): Promise<void> | undefined {
    return this.#gate.enter(isAlone);
  }

  leave(isAlone: boolean): void {
    this.#gate.leave(isAlone);
  }

  /** For how long others may follow that have to be handled before this one, whose attempts are used up, becomes a dead letter. */
  othersFollowForMs(suspect: Delivery): number {
    if (!this.#plan.nativeRedelivery || !this.#isExhausted(suspect)) return 0;
    const receivedAtMs = this.#receivedAtMs.get(suspect) ?? 0;
    return suspect.suspectsFollowWithinMs - (this.#clock.monotonicMs() - receivedAtMs);
  }

  /**
   * Refuses a message that came more often than it may be tried.
   * @throws TransportError `TRANSPORT_ATTEMPTS_EXHAUSTED`
   */
  refuseExhausted(delivery: Delivery): void {
    if (this.#isExhausted(delivery)) throw this.#exhausted(delivery);
  }

  /**
   * Where the broker counts deliveries, they count for all that were in flight with one that ended its process: there a suspect
   * must be the last of them, and others may have deliveries that were never begun.
   */
  #isExhausted(delivery: Delivery): boolean {
    const beyond = delivery.attempt - this.#maxAttempts;
    if (beyond <= 0 || !this.#plan.nativeRedelivery) return beyond > 0;
    return beyond > (isSuspect(delivery) ? this.#mostBeyond : UNFINISHED_DELIVERIES);
  }

  get #mostBeyond(): number {
    return this.#gate.isLast ? RUN_TOGETHER : MOST_AMONG_SUSPECTS;
  }

  /** It ends its process, or never ends: the broker brings it back without end, and no failure is ever seen. */
  #exhausted({ id, attempt }: Delivery): TransportError {
    const { retry } = this.#plan.options;
    const by = hasTiers(retry)
      ? 'retry.maxAttempts, and as many after each wait of retry.redeliveryDelaysMs'
      : 'retry.maxAttempts';
    return new TransportError(
      'TRANSPORT_ATTEMPTS_EXHAUSTED',
      `Message ${shown(id)} was delivered ${attempt} times (limit ${this.#maxAttempts}: ${by}), and no attempt completed. The handler may end its process, or run longer than the broker waits for a settlement.`,
    );
  }
}
