import {
  ACK,
  isA,
  isThenable,
  isTransportError,
  settlementFailed,
  type Delivery,
  type DeliverySink,
  type Settlement,
} from '../../contract/index.js';
import { classifySafely, type Classification } from '../retry/classification.js';
import { messagesAtOnce } from '../consuming-options.js';
import { Copies } from '../dead-letter/copies.js';
import { FailureLog } from './failure-log.js';
import { Handling, IGNORED } from './handling.js';
import { IntakeGate } from './intake-gate.js';
import { Lanes } from './lanes.js';
import { NotStarted } from '../policies/holds.js';
import { aboutOf, type RunnerPlan, type RunnerTools } from './runner-plan.js';
import { StillWaiters } from './still-waiters.js';
import { isSuspect } from './suspect-gate.js';
import { Suspects } from './suspects.js';
import { decide, type Verdict } from './verdict.js';

/**
 * Processes the deliveries of one subscription: decode, validate, handle, verdict, settle. At most `concurrency`
 * workers run; each takes the next delivery that its lane allows.
 */
export class SubscriptionRunner implements DeliverySink {
  readonly #plan: RunnerPlan;
  readonly #tools: RunnerTools;
  readonly #lanes: Lanes;
  readonly #gate: IntakeGate;
  readonly #failures = new FailureLog();
  readonly #copies: Copies;
  readonly #suspects: Suspects;
  readonly #handling: Handling;
  /** Handlers that wait for a reply of this one must not block it. */
  readonly #answers: boolean;
  /** Maximum number of messages with handlers at the same time: each has a worker, also within a batch. */
  readonly #maxWorkers: number;
  readonly #pauses = new Map<symbol, string>();
  #workers = 0;
  #received = 0;
  #unsettled = 0;
  #unsettledBytes = 0;
  #draining = false;
  readonly #stillWaiters: StillWaiters;
  #drained: Promise<void> | undefined;
  #resolveDrained: (() => void) | undefined;

  constructor(plan: RunnerPlan, tools: RunnerTools) {
    this.#plan = plan;
    this.#tools = tools;
    this.#lanes = new Lanes(plan.options.ordering);
    this.#suspects = new Suspects(plan, tools);
    this.#handling = new Handling(plan);
    this.#stillWaiters = new StillWaiters(plan);
    this.#answers = plan.refuse !== undefined;
    this.#maxWorkers = messagesAtOnce(plan.options);
    this.#gate = new IntakeGate(plan.options.maxInFlight, this.#maxWorkers, plan.options.maxInFlightBytes);
    this.#copies = new Copies(plan, tools, this.#failures, {
      end: (delivery, settlement) => this.#end(delivery, settlement),
      retryHere: (delivery, delayMs, error) =>
        delivery.state === 'revoked' ? this.#release(delivery) : this.#retry(delivery, delayMs, error),
      wait: (delivery, pauseMs) => this.#putBack(delivery, pauseMs),
    });
  }

  /** Number of deliveries received and not settled, including parked ones. */
  get inFlight(): number {
    return this.#unsettled;
  }

  /** Number of deliveries received so far, including settled ones. */
  get received(): number {
    return this.#received;
  }

  /** Whether another delivery would be accepted immediately. */
  get hasRoom(): boolean {
    return !this.#draining && !this.#isFull && !this.#gate.hasWaiting;
  }

  /** Number of messages whose dead letter or retry copy cannot be stored at the moment. */
  get waitingCopies(): number {
    return this.#copies.waiting;
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    if (this.#plan.refuse !== undefined) this.#stampReceipt(deliveries);
    this.#received += deliveries.length;
    const taken = this.#admit(deliveries, 0);
    if (taken < deliveries.length) return this.#admitWhenThereIsRoom(deliveries, taken);
  }

  /** The requester's wait is measured from here. */
  #stampReceipt(deliveries: readonly Delivery[]): void {
    const now = this.#tools.clock.monotonicMs();
    for (const delivery of deliveries) delivery.requestReceivedAtMs = now;
  }

  revoked(): void {
    this.#lanes.wakeRevoked();
    this.#startWorkers();
  }

  /**
   * Stops accepting deliveries and resolves when no handler runs or is about to. Parked deliveries stay unsettled: the
   * broker redelivers them.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#startDraining();
    return this.#drained;
  }

  /** Why no handler starts, oldest reason first; empty while handlers start. */
  get pauseReasons(): readonly string[] {
    return [...this.#pauses.values()];
  }

  /**
   * Pauses: no handler starts and nothing more is accepted until the returned function, and those of all other pauses,
   * are called. Deliveries that the runner holds stay unsettled. Running handlers continue; `untilStill` waits for
   * them.
   */
  pause(reason: string): () => void {
    const pause = Symbol(reason);
    this.#pauses.set(pause, reason);
    this.#plan.holds?.putBack();
    return () => {
      if (!this.#pauses.delete(pause) || this.#isPaused) return;
      this.#startWorkers();
      this.#gate.callAll();
    };
  }

  /**
   * Resolves when no handler runs. If a handler of this subscription calls it, handlers that wait here as well do not
   * count.
   */
  untilStill(): Promise<void> {
    return this.#stillWaiters.wait(this.#workers);
  }

  get #isPaused(): boolean {
    return this.#pauses.size > 0;
  }

  get #isFull(): boolean {
    return this.#gate.isFull(this.#active, this.#unsettledBytes) || (this.#isPaused && !this.#draining);
  }

  #startDraining(): Promise<void> {
    this.#draining = true;
    this.#plan.holds?.end();
    this.#lanes.callOffTimers();
    this.#gate.openForGood();
    return new Promise((resolve) => {
      this.#resolveDrained = resolve;
      this.#reportIdle();
    });
  }

  /**
   * Admits deliveries from `start` on while there is room; returns the index of the first one that was not admitted.
   */
  #admit(deliveries: readonly Delivery[], start: number): number {
    if (this.#draining) return deliveries.length;
    let index = start;
    while (index < deliveries.length && !this.#isFull) {
      const delivery = deliveries[index++] as Delivery;
      this.#unsettled++;
      this.#unsettledBytes += sizeOf(delivery);
      if (isSuspect(delivery)) this.#suspects.add(delivery);
      this.#lanes.add(delivery);
    }
    this.#startWorkers();
    return index;
  }

  async #admitWhenThereIsRoom(deliveries: readonly Delivery[], start: number): Promise<void> {
    let index = start;
    while (index < deliveries.length) {
      if (this.#isFull) await this.#gate.room();
      index = this.#admit(deliveries, index);
    }
  }

  /** Number of unsettled deliveries that are not parked: what `maxInFlight` limits. */
  get #active(): number {
    return this.#unsettled - this.#lanes.waiting;
  }

  #startWorkers(): void {
    while (this.#workers < this.#maxWorkers && this.#lanes.ready > 0 && !this.#isPaused) {
      this.#workers++;
      void this.#work();
    }
  }

  /** The hot path: one iteration per message, and only Promises are awaited. */
  async #work(): Promise<void> {
    for (let delivery = this.#next(); delivery !== undefined; delivery = this.#next()) {
      if (!delivery.mayBegin()) {
        this.#release(delivery);
        continue;
      }
      if (delivery.notBeforeMs > 0 && this.#waitsStill(delivery)) continue;
      try {
        const storeAgain = this.#copies.waitingOf(delivery);
        if (storeAgain !== undefined) {
          await storeAgain();
          continue;
        }
      } catch (error) {
        await this.#failSafely(delivery, error);
        continue;
      }
      const isAlone = isSuspect(delivery);
      if (isAlone && this.#waitsForOthers(delivery)) continue;
      const turn = this.#answers && !isAlone ? undefined : this.#suspects.enter(isAlone);
      try {
        if (turn !== undefined && !(await mayBeginAfter(turn, delivery, isAlone))) {
          this.#release(delivery);
          continue;
        }
        delivery.state = 'running';
        const outcome = this.#plan.calls?.isTracked ? this.#handleTracked(delivery) : this.#handle(delivery);
        const result = isThenable(outcome) ? await outcome : outcome;
        if (result === IGNORED) {
          this.#drop(delivery, this.#handling.nobodyTakes(delivery));
          continue;
        }
        const rest = this.#tools.restOf?.(result);
        if (rest !== undefined) await rest;
      } catch (error) {
        await this.#failSafely(delivery, error);
        continue;
      } finally {
        if (!this.#answers || isAlone) this.#suspects.leave(isAlone);
      }
      this.#end(delivery, ACK);
    }
    this.#workers--;
    this.#reportIdle();
  }

  #next(): Delivery | undefined {
    if (this.#isPaused) return undefined;
    const next = this.#lanes.peek();
    if (next !== undefined && isSuspect(next)) this.#lanes.shuffle(this.#tools.random);
    return this.#lanes.next();
  }

  /** Includes the rest of its work, which runs in the same context. */
  #handleTracked(delivery: Delivery): Promise<unknown> | undefined {
    return this.#plan.calls?.track(1, async () => {
      const result = await this.#handle(delivery);
      await this.#tools.restOf?.(result);
      return result === IGNORED ? IGNORED : undefined;
    });
  }

  #handle(delivery: Delivery): unknown {
    this.#suspects.refuseExhausted(delivery);
    return this.#handling.handle(delivery);
  }

  /**
   * Whether the last suspect, which is about to be dead-lettered, must wait: other messages of the crash may still
   * arrive, and must be handled before the verdict is certain.
   */
  #waitsForOthers(suspect: Delivery): boolean {
    const leftMs = this.#suspects.othersFollowForMs(suspect);
    if (leftMs > 0) this.#putBack(suspect, leftMs);
    return leftMs > 0;
  }

  /**
   * A driver's headers can throw as well. The failure is then processed again after a pause, without calling the
   * handler, and health reports it.
   */
  async #failSafely(delivery: Delivery, error: unknown): Promise<void> {
    try {
      await this.#fail(delivery, error);
    } catch (fault) {
      if (delivery.state === 'settled' || delivery.state === 'revoked') return this.#release(delivery);
      this.#copies.storeLater(delivery, FAULT_PAUSE_MS, () => this.#fail(delivery, error));
      this.#reportFault(delivery, fault);
    }
  }

  #reportFault(delivery: Delivery, error: unknown): void {
    const { broker, topic, group } = this.#plan;
    const { key, attempt } = delivery;
    const about = { broker, topic, group, id: readableIdOf(delivery), key, attempt };
    this.#tools.notices.emit('message:retry-scheduled', { ...about, delayMs: FAULT_PAUSE_MS, error });
  }

  async #fail(delivery: Delivery, error: unknown): Promise<void> {
    // A policy held it back until something else came first.
    if (isA(error, NotStarted)) return this.#putBack(delivery, 0);
    if (delivery.state === 'revoked') return this.#ignoreSettlement(delivery, 'failure');
    this.#failures.record(delivery, error, this.#tools.clock);
    const classification = this.#classify(error);
    const verdict = this.#decide(delivery, classification);
    if (verdict.kind === 'drop') return this.#drop(delivery, verdict.reason);
    if (verdict.kind === 'reject') return this.#copies.toDeadLetters(delivery);
    const moved = this.#copies.toRetryTopic(delivery, verdict.delayMs);
    return moved ?? this.#retry(delivery, verdict.delayMs, error);
  }

  /** It waits again, and this was no attempt. */
  #putBack(delivery: Delivery, delayMs: number): void {
    if (delivery.state === 'revoked') return this.#release(delivery);
    delivery.park(delivery.attempt, 0);
    this.#park(delivery, delayMs);
  }

  #decide(delivery: Delivery, classification: Classification): Verdict {
    const failingForMs = this.#tools.clock.monotonicMs() - this.#failures.of(delivery).firstFailedMs;
    const { retry } = this.#plan.options;
    return decide(classification, delivery.attempt, retry, this.#tools.random(), failingForMs);
  }

  #classify(error: unknown): Classification {
    if (isTransportError(error, 'TRANSPORT_TYPE_UNHANDLED')) {
      return { kind: this.#plan.unknownType === 'fail' ? 'retryable' : 'permanent' };
    }
    return classifySafely(error, this.#tools.classify, this.#plan.options.retry.neverFor);
  }

  #drop(delivery: Delivery, reason: string): void {
    this.#tools.notices.emit('message:dropped', { ...aboutOf(this.#plan, delivery), reason });
    this.#end(delivery, DROPPED);
  }

  #retry(delivery: Delivery, delayMs: number, error: unknown): void {
    this.#tools.notices.emit('message:retry-scheduled', { ...aboutOf(this.#plan, delivery), delayMs, error });
    const keepsOrder = this.#lanes.laneOf(delivery) !== undefined;
    if (!keepsOrder && this.#plan.nativeRedelivery) {
      this.#failures.expectAgain(delivery);
      return this.#end(delivery, { kind: 'nack', delayMs });
    }
    delivery.park(delivery.attempt + 1, delayMs);
    this.#park(delivery, delayMs);
  }

  /** A message that was parked in an earlier delivery continues to wait, and its lane with it. */
  #waitsStill(delivery: Delivery): boolean {
    const leftMs = delivery.notBeforeMs - this.#tools.clock.monotonicMs();
    if (leftMs > 0) {
      delivery.park(delivery.attempt, leftMs);
      this.#park(delivery, leftMs);
    }
    return leftMs > 0;
  }

  #park(delivery: Delivery, delayMs: number): void {
    delivery.notBeforeMs = this.#tools.clock.monotonicMs() + delayMs;
    const wake = (): void => {
      delivery.notBeforeMs = 0;
      this.#lanes.wake(delivery);
      this.#startWorkers();
    };
    this.#lanes.park(delivery, this.#draining ? () => undefined : this.#tools.clock.schedule(delayMs, wake));
    this.#makeRoom();
  }

  #end(delivery: Delivery, settlement: Settlement): void {
    if (!this.#settle(delivery, settlement)) return this.#ignoreSettlement(delivery, settlement.kind);
    if (settlement === ACK && this.#tools.notices.heard('message:acked')) {
      this.#tools.notices.emit('message:acked', aboutOf(this.#plan, delivery));
    }
    this.#release(delivery);
  }

  /** A driver that throws here must not end the worker. */
  #settle(delivery: Delivery, settlement: Settlement): boolean {
    try {
      return delivery.settle(settlement);
    } catch (error) {
      settlementFailed({ notices: this.#tools.notices, broker: this.#plan.broker }, delivery, settlement, error);
      return true;
    }
  }

  #ignoreSettlement(delivery: Delivery, settlement: string): void {
    this.#tools.notices.emit('settlement:ignored', { ...aboutOf(this.#plan, delivery), settlement });
    this.#release(delivery);
  }

  #release(delivery: Delivery): void {
    this.#unsettled--;
    this.#unsettledBytes -= sizeOf(delivery);
    this.#suspects.remove(delivery);
    this.#failures.forget(delivery);
    this.#copies.forget(delivery);
    this.#lanes.done(delivery);
    this.#makeRoom();
  }

  #makeRoom(): void {
    if (this.#gate.hasWaiting && !this.#isPaused) this.#gate.letIn(this.#active, this.#unsettledBytes);
  }

  #reportIdle(): void {
    if (!this.#stillWaiters.isEmpty) this.#stillWaiters.update(this.#workers);
    if (this.#workers > 0) return;
    if (this.#lanes.ready === 0 || this.#isPaused) this.#resolveDrained?.();
  }
}

/**
 * Waits for its turn, during which the delivery may be revoked. Before a suspect starts, everything that drivers buffer
 * in this turn is written: if the suspect ends the process, the broker has the settlements of earlier messages.
 */
async function mayBeginAfter(turn: Promise<void>, delivery: Delivery, isAlone: boolean): Promise<boolean> {
  await turn;
  if (isAlone) await new Promise((resolve) => setImmediate(resolve));
  if (isAlone && delivery.mayBegin()) await delivery.recordStart();
  return delivery.mayBegin();
}

const sizeOf = ({ body }: Delivery): number => body?.length ?? 0;

/** Pause before a failure is processed again that could not be. */
const FAULT_PAUSE_MS = 1_000;
/** Settled like a handled message, but not reported as one. */
const DROPPED: Settlement = Object.freeze({ kind: 'ack' });
/** The id is read from the headers, which may be what cannot be read. */
function readableIdOf(delivery: Delivery): string {
  try {
    return delivery.id;
  } catch {
    return `${delivery.topic}/${delivery.partition ?? 0}`;
  }
}
