import { shown, TransportError, type Delivery } from '../../contract/index.js';
import type { RunnerPlan, RunnerTools } from './runner-plan.js';
import { isSuspect, SuspectGate } from './suspect-gate.js';
import { attemptsInAll, hasTiers } from '../retry/tiers.js';

/**
 * Deliveries allowed beyond the attempts of all tiers, where the broker counts them. Deliveries that a process received
 * and never started, because it ended, count as well, and must not use up a message's attempts.
 */
const UNFINISHED_DELIVERIES = 10;
/** Deliveries before a suspect runs alone. */
const RUN_TOGETHER = 2;
/**
 * The same for one of many suspects. Each process that ends settles more than half of the others, so this covers
 * several messages that end processes.
 */
const MOST_AMONG_SUSPECTS = 30;

/**
 * Decides for the suspects of one subscription when each may run, and which messages are given up because they were
 * delivered too often without any observed failure.
 */
export class Suspects {
  readonly #plan: RunnerPlan;
  readonly #clock: RunnerTools['clock'];
  readonly #gate: SuspectGate;
  readonly #maxAttempts: number;
  /** When each arrived. */
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

  /** Called for any delivery that is settled or revoked. Hot path. */
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

  /**
   * Returns for how long other messages may arrive that must be handled before this one, whose attempts are used up, is
   * dead-lettered.
   */
  othersFollowForMs(suspect: Delivery): number {
    if (!this.#plan.nativeRedelivery || !this.#isExhausted(suspect)) return 0;
    const receivedAtMs = this.#receivedAtMs.get(suspect) ?? 0;
    return suspect.suspectsFollowWithinMs - (this.#clock.monotonicMs() - receivedAtMs);
  }

  /**
   * Rejects a message that was delivered more often than its limit.
   * @throws TransportError `TRANSPORT_ATTEMPTS_EXHAUSTED`
   */
  refuseExhausted(delivery: Delivery): void {
    if (this.#isExhausted(delivery)) throw this.#exhausted(delivery);
  }

  /**
   * A broker that counts deliveries counts one for everything in flight when a process ends. A suspect must therefore
   * be the last one, and other messages can have deliveries that never started.
   */
  #isExhausted(delivery: Delivery): boolean {
    const beyond = delivery.attempt - this.#maxAttempts;
    if (beyond <= 0 || !this.#plan.nativeRedelivery) return beyond > 0;
    return beyond > (isSuspect(delivery) ? this.#mostBeyond : UNFINISHED_DELIVERIES);
  }

  get #mostBeyond(): number {
    return this.#gate.isLast ? RUN_TOGETHER : MOST_AMONG_SUSPECTS;
  }

  /** It ends its process or never completes: the broker redelivers it forever, and no failure is ever seen. */
  #exhausted({ id, attempt }: Delivery): TransportError {
    const { retry } = this.#plan.options;
    const by = hasTiers(retry)
      ? 'retry.maxAttempts, and as many after each wait of retry.redeliveryDelaysMs'
      : 'retry.maxAttempts';
    return new TransportError(
      'TRANSPORT_ATTEMPTS_EXHAUSTED',
      `Message ${shown(id)} was delivered ${attempt} times (limit ${this.#maxAttempts}: ${by}), and no attempt completed. The handler may be crashing the process or running longer than the ack timeout.`,
    );
  }
}
