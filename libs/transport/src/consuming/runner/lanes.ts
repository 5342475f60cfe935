import { type Delivery, type Ordering } from '../../contract/index.js';
import { Fifo } from '../../shared/index.js';

/** A lane is a key, or the number of a stream where there is no key; deliveries without a lane keep no order. */
type LaneId = string | number;

interface ParkedLane {
  /** Deliveries that wait: the one that failed and those behind it. */
  waiting: number;
  readonly callOff: () => void;
}

/**
 * Decides which delivery may run next: one at a time per lane, lanes side by side, first come first served.
 *
 * ```
 * ready:  a1  b1  c1          may run now, in this order
 * lanes:  a1 -> a2 -> a3      a2 gets ready when a1 is done
 *         b1                  a lane that is not in #tails is idle and costs nothing
 * parked: d1 -> d2            d1 failed; d2 waits behind it until d1 has had its next attempt
 * ```
 * A delivery links to its successor itself, so a message that waits for nobody costs one map entry.
 */
export class Lanes {
  readonly #ordering: Ordering;
  /** The last delivery of each busy lane. */
  readonly #tails = new Map<LaneId, Delivery>();
  readonly #ready = new Fifo<Delivery>();
  readonly #parked = new Map<Delivery, ParkedLane>();
  readonly #parkedLanes = new Map<LaneId, ParkedLane>();
  #waiting = 0;

  constructor(ordering: Ordering) {
    this.#ordering = ordering;
  }

  /** Deliveries that could run now. */
  get ready(): number {
    return this.#ready.size;
  }

  /** Deliveries that are parked, or wait behind a parked one. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The lane of a delivery; undefined when it keeps no order. */
  laneOf(delivery: Delivery): LaneId | undefined {
    if (this.#ordering === 'key') return delivery.key ?? delivery.stream;
    return this.#ordering === 'partition' ? (delivery.partition ?? delivery.stream) : undefined;
  }

  add(delivery: Delivery): void {
    const lane = this.laneOf(delivery);
    if (lane === undefined) return this.#ready.push(delivery);
    const tail = this.#tails.get(lane);
    this.#tails.set(lane, delivery);
    if (tail === undefined) return this.#ready.push(delivery);
    tail.laneNext = delivery;
    if (this.#parkedLanes.size > 0) this.#countBehindParked(lane);
  }

  /** The next delivery to run. Its lane stays closed until `done` or `park`. */
  next(): Delivery | undefined {
    return this.#ready.shift();
  }

  /** The next delivery becomes any of those that could run now: they are of different lanes, and owe each other no order. */
  shuffle(random: () => number): void {
    for (let turns = Math.floor(random() * this.#ready.size); turns > 0; turns--) {
      this.#ready.push(this.#ready.shift() as Delivery);
    }
  }

  /** The next delivery, without taking it. */
  peek(): Delivery | undefined {
    return this.#ready.peek();
  }

  /** The delivery has ended; its successor may run. */
  done(delivery: Delivery): void {
    const lane = this.laneOf(delivery);
    if (lane === undefined) return;
    const successor = delivery.laneNext;
    delivery.laneNext = undefined;
    if (successor === undefined) this.#tails.delete(lane);
    else this.#ready.push(successor);
  }

  /**
   * Keeps the delivery, and its lane with it, until `wake` is called for it.
   * @param callOff ends the timer that would wake it
   */
  park(delivery: Delivery, callOff: () => void): void {
    const parked = { waiting: countFrom(delivery), callOff };
    this.#waiting += parked.waiting;
    this.#parked.set(delivery, parked);
    const lane = this.laneOf(delivery);
    if (lane !== undefined) this.#parkedLanes.set(lane, parked);
  }

  /** The parked delivery may run again. */
  wake(delivery: Delivery): void {
    const parked = this.#parked.get(delivery);
    if (parked === undefined) return;
    parked.callOff();
    this.#waiting -= parked.waiting;
    this.#parked.delete(delivery);
    const lane = this.laneOf(delivery);
    if (lane !== undefined) this.#parkedLanes.delete(lane);
    this.#ready.push(delivery);
  }

  /** Wakes the parked deliveries that were revoked, so that they are let go and their lanes go on. */
  wakeRevoked(): void {
    for (const delivery of [...this.#parked.keys()]) if (delivery.state === 'revoked') this.wake(delivery);
  }

  /** Calls off all timers; what is parked stays parked for good. */
  callOffTimers(): void {
    for (const { callOff } of this.#parked.values()) callOff();
  }

  #countBehindParked(lane: LaneId): void {
    const parked = this.#parkedLanes.get(lane);
    if (parked === undefined) return;
    parked.waiting++;
    this.#waiting++;
  }
}

function countFrom(delivery: Delivery): number {
  let count = 0;
  for (let current: Delivery | undefined = delivery; current !== undefined; current = current.laneNext) count++;
  return count;
}
