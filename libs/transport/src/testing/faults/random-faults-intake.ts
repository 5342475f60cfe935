import type { Clock, Delivery, DeliverySink, Settlement, Subscription } from '../../contract/index.js';
import type { FaultPlan, InjectedFault } from './fault-plan.js';
import { RandomFaultsDelivery, type DeliveryOwner, type HeldMessage } from './random-faults-delivery.js';

/** How long a message without an order, or one that others pass, is held back: long enough for others to come. */
const LONGEST_PASSING_MS = 20;
/** How many messages of a lane may lose their settlement together. */
const MOST_LOST = 3;

/** Messages that keep their order among themselves; one of them is delivered at a time. */
interface Lane {
  readonly keepsOrder: boolean;
  queue: HeldMessage[];
  /** Handled, but their settlements did not arrive. */
  lost: HeldMessage[];
  mostLost: number;
  callOffRewind: (() => void) | undefined;
  current: RandomFaultsDelivery | undefined;
  callOffHold: (() => void) | undefined;
}

/**
 * Stands between a broker and the sink of one subscription, and delivers the broker's messages late, twice, or in another
 * order. What the subscription keeps in order (a key, a partition) stays in order: no broker of ours breaks that, so neither
 * does this one.
 */
export class RandomFaultsIntake implements DeliverySink, DeliveryOwner {
  readonly #subscription: Subscription;
  readonly #sink: DeliverySink;
  readonly #plan: FaultPlan;
  readonly #clock: Clock;
  readonly #lanes = new Map<unknown, Lane>();
  #isTorn = false;
  #isStopped = false;
  /** The sink said "enough for now". */
  #isFull = false;
  #willPump = false;

  constructor(subscription: Subscription, sink: DeliverySink, plan: FaultPlan, clock: Clock) {
    this.#subscription = subscription;
    this.#sink = sink;
    this.#plan = plan;
    this.#clock = clock;
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const inner of deliveries) {
      const { attempt, notBeforeMs } = inner;
      this.#laneOf(inner).queue.push({ inner, attempt, notBeforeMs, holdMs: this.#holdMs(inner) });
    }
    this.#pump();
  }

  revoked(): void {
    const isOurs = ({ inner }: HeldMessage): boolean => inner.state !== 'revoked';
    for (const lane of this.#lanes.values()) {
      lane.queue = lane.queue.filter(isOurs);
      lane.lost = lane.lost.filter(isOurs);
      if (lane.current === undefined || isOurs(lane.current.held)) continue;
      lane.current.revoke();
      lane.current = undefined;
    }
    this.#sink.revoked();
    if (this.#isTorn) this.#joinAgainWhenStill();
    else this.#pumpSoon();
  }

  stop(): void {
    this.#isStopped = true;
    for (const lane of this.#lanes.values()) {
      lane.callOffHold?.();
      lane.callOffRewind?.();
    }
  }

  accepts(delivery: RandomFaultsDelivery): boolean {
    if (!this.#isTorn && !this.#plan.strikes('crashInHandler', about(delivery))) return true;
    this.#tear();
    return false;
  }

  parked(delivery: RandomFaultsDelivery): void {
    if (this.#isTorn || this.#plan.strikes('crashInHandler', about(delivery))) this.#tear();
    else delivery.held.inner.attempt = delivery.attempt;
  }

  ended(delivery: RandomFaultsDelivery, settlement: Settlement): void {
    const lane = this.#laneOf(delivery.held.inner);
    lane.current = undefined;
    if (settlement.kind === 'nack') this.#settleInner(delivery, settlement);
    else if (lane.lost.length > 0 || this.#plan.strikes('loseAck', about(delivery))) this.#lose(delivery, lane);
    else if (this.#plan.strikes('duplicate', about(delivery))) lane.queue.unshift(this.#again(delivery, lane));
    else this.#settleInner(delivery, settlement);
    this.#pumpSoon();
  }

  #settleInner({ held, attempt }: RandomFaultsDelivery, settlement: Settlement): void {
    held.inner.attempt = attempt;
    held.inner.settle(settlement);
  }

  /**
   * The lane goes on for a few messages more, as one does whose settlements are on a connection that is already dead; then
   * all of them come again. Where none follow for a while, it does not wait for them.
   */
  #lose(delivery: RandomFaultsDelivery, lane: Lane): void {
    const isFirst = lane.lost.length === 0;
    lane.lost.push(this.#again(delivery, lane));
    if (isFirst) {
      lane.mostLost = this.#plan.amount('lost', about(delivery), MOST_LOST);
      const waitMs = this.#plan.amount('rewind', about(delivery), LONGEST_PASSING_MS);
      lane.callOffRewind = this.#clock.schedule(waitMs, () => {
        lane.mostLost = 0;
        if (lane.current !== undefined) return;
        rewind(lane);
        this.#pump();
      });
    }
    if (lane.lost.length >= lane.mostLost) rewind(lane);
  }

  #again(delivery: RandomFaultsDelivery, { keepsOrder }: Lane): HeldMessage {
    const { attempt, notBeforeMs, held } = delivery;
    const holdMs = keepsOrder ? 0 : this.#plan.amount('again', about(delivery), LONGEST_PASSING_MS);
    return { inner: held.inner, attempt, notBeforeMs, holdMs };
  }

  #tear(): void {
    this.#isTorn = true;
    this.#joinAgainWhenStill();
  }

  /** Runs later, because the runner is still settling a delivery. */
  #joinAgainWhenStill(): void {
    setImmediate(() => {
      if (!this.#isTorn) return;
      const handed = [...this.#lanes.values()].flatMap(({ current }) => current ?? []);
      for (const delivery of handed) if (delivery.state !== 'running') delivery.revoke();
      this.#sink.revoked();
      if (handed.some(({ state }) => state === 'running')) return;
      this.#isTorn = false;
      for (const lane of this.#lanes.values()) rewind(lane);
      this.#pump();
    });
  }

  #pumpSoon(): void {
    if (this.#willPump) return;
    this.#willPump = true;
    setImmediate(() => {
      this.#willPump = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isStopped || this.#isTorn || this.#isFull) return;
    const ready = this.#takeReady();
    if (ready.length === 0) return;
    const enough = this.#sink.receive(ready);
    if (enough === undefined) return this.#pumpSoon();
    this.#isFull = true;
    void enough.then(() => {
      this.#isFull = false;
      this.#pump();
    });
  }

  #takeReady(): RandomFaultsDelivery[] {
    const ready: RandomFaultsDelivery[] = [];
    for (const [id, lane] of this.#lanes) {
      const next = ready.length < this.#subscription.maxInFlight ? this.#nextOf(id, lane) : undefined;
      if (next !== undefined) ready.push(next);
    }
    return ready;
  }

  #nextOf(id: unknown, lane: Lane): RandomFaultsDelivery | undefined {
    if (lane.current !== undefined || lane.callOffHold !== undefined) return undefined;
    const [next] = lane.queue;
    if (next === undefined) {
      if (lane.lost.length === 0) this.#lanes.delete(id);
      return undefined;
    }
    if (next.holdMs > 0) return this.#hold(next, lane);
    lane.queue.shift();
    // Includes running ones: the wrapped broker must not redeliver a message that is being handled.
    next.inner.state = 'running';
    return (lane.current = new RandomFaultsDelivery(next, this));
  }

  #hold(next: HeldMessage, lane: Lane): undefined {
    lane.callOffHold = this.#clock.schedule(next.holdMs, () => {
      lane.callOffHold = undefined;
      if (lane.queue[0] === next) lane.queue[0] = { ...next, holdMs: 0 };
      this.#pump();
    });
  }

  #holdMs(inner: Delivery): number {
    const { maxDelayMs } = this.#plan.options;
    if (this.#plan.strikes('delay', about(inner))) return this.#plan.amount('late', about(inner), maxDelayMs);
    return this.#plan.strikes('reorder', about(inner))
      ? this.#plan.amount('passed', about(inner), LONGEST_PASSING_MS)
      : 0;
  }

  #laneOf(inner: Delivery): Lane {
    const order = this.#orderOf(inner);
    const id = order ?? inner;
    const known = this.#lanes.get(id);
    if (known !== undefined) return known;
    const keepsOrder = order !== undefined;
    const lane: Lane = {
      keepsOrder,
      queue: [],
      lost: [],
      mostLost: 0,
      callOffRewind: undefined,
      current: undefined,
      callOffHold: undefined,
    };
    this.#lanes.set(id, lane);
    return lane;
  }

  /** What the message must stay in order with; undefined when with nothing. */
  #orderOf({ key, partition, stream }: Delivery): string | number | undefined {
    const { ordering } = this.#subscription;
    if (ordering === 'key') return key ?? stream;
    return ordering === 'partition' ? (partition ?? stream) : undefined;
  }
}

/** Unsettled deliveries come first again, after those before it whose settlements are lost. */
function rewind(lane: Lane): void {
  const { current, lost, queue } = lane;
  const { held, attempt = 1, notBeforeMs = 0 } = current ?? {};
  lane.queue = [...lost, ...(held === undefined ? [] : [{ ...held, attempt, notBeforeMs }]), ...queue];
  lane.lost = [];
  lane.current = undefined;
  lane.callOffRewind?.();
  lane.callOffRewind = undefined;
}

function about({ topic, group, id, partition, offset }: Delivery): Omit<InjectedFault, 'kind'> {
  return { topic, group, id, place: `${partition ?? 0}/${offset ?? id}` };
}
