import type { Settlement } from '../../contract/index.js';
import type { MemoryMember } from './member.js';
import { MemoryDelivery, type MemoryDeliveryOwner, type MemoryRecord } from './mapping.js';
import type { PartitionLog } from './partition-log.js';
import { Unsettled } from './unsettled.js';

/** A message that was delivered before and has to be redelivered. */
interface Returned {
  readonly record: MemoryRecord;
  readonly attempt: number;
}

/** A caller that waits until a member has received everything before an offset. */
interface Waiter {
  readonly member: MemoryMember;
  readonly end: number;
  readonly tell: () => void;
}

/**
 * One partition as one group sees it.
 *
 * ```
 * log:      | settled | unsettled | not delivered |
 *                                 ^ cursor
 * returned: messages before the cursor that are redelivered, oldest first, before anything after the cursor
 * ```
 * A partition moves to another member only when none of its handlers runs, so two members never handle the same key at once.
 */
export class GroupPartition implements MemoryDeliveryOwner {
  /** Stops retaining messages for this group. */
  readonly stopReading: () => void;
  readonly #group: string;
  readonly #log: PartitionLog;
  readonly #unsettled = new Unsettled();
  readonly #timers = new Map<() => void, Returned>();
  #returned: Returned[] = [];
  #waiters: Waiter[] = [];
  #cursor: number;
  #member: MemoryMember | undefined;
  #next: MemoryMember | undefined;
  #paused = false;
  /** The sink of the member is full. */
  #waiting = false;

  /** @param start the first offset to deliver */
  constructor(group: string, log: PartitionLog, start: number) {
    this.#group = group;
    this.#log = log;
    this.#cursor = start;
    this.stopReading = log.addReader(() => this.#cursor);
  }

  get unsettled(): number {
    return this.#unsettled.size + this.#returned.length + this.#timers.size + this.#log.end - this.#cursor;
  }

  /** Counts the messages that could be delivered to the member now. Undefined when it does not own the partition, or its sink is full. */
  waitingFor(member: MemoryMember): number | undefined {
    if (this.#member !== member || this.#next !== member || this.#waiting) return undefined;
    return this.#returned.length + this.#log.end - this.#cursor;
  }

  /** Assigns the partition to a member: at once when no handler of it runs, else as soon as the last one ends. */
  assign(member: MemoryMember | undefined): void {
    this.#next = member;
    if (this.#member !== member) this.#takeBackIdle();
    this.#moveWhenFree();
    this.#tellWaiters();
  }

  /** Resolves when the member has received everything stored now, or no longer owns the partition. */
  untilEnd(member: MemoryMember): Promise<void> {
    const end = this.#log.end;
    return new Promise((tell) => {
      this.#waiters.push({ member, end, tell });
      this.#tellWaiters();
    });
  }

  pause(member: MemoryMember): void {
    if (this.#member === member) this.#paused = true;
  }

  /** Removes a member. Its unsettled messages are redelivered. */
  takeBack(member: MemoryMember): void {
    if (this.#member !== member) return;
    for (const delivery of this.#unsettled.all()) this.#return(delivery);
    this.#callOffTimers();
    this.#member = undefined;
  }

  deliver(): void {
    const member = this.#member;
    if (member === undefined || this.#paused || this.#waiting || this.#member !== this.#next) return;
    const batch = this.#takeBatch(member.maxInFlight);
    if (batch.length === 0) return;
    const enough = member.sink.receive(batch);
    if (enough !== undefined) this.#waitFor(enough, member);
    else if (this.#hasMore()) setImmediate(() => this.deliver());
    if (this.#waiters.length > 0) this.#tellWaiters();
  }

  ended(delivery: MemoryDelivery, settlement: Settlement): void {
    this.#unsettled.delete(delivery);
    if (settlement.kind === 'nack') this.#returnLater(delivery, settlement.delayMs);
    if (this.#member !== this.#next) this.#moveWhenFree();
  }

  #waitFor(enough: Promise<void>, member: MemoryMember): void {
    this.#waiting = true;
    void enough.then(() => {
      if (this.#member !== member) return;
      this.#waiting = false;
      this.#tellWaiters();
      setImmediate(() => this.deliver());
    });
  }

  #tellWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !this.#hasAll(waiter));
    for (const waiter of waiters) if (!this.#waiters.includes(waiter)) waiter.tell();
  }

  #hasAll({ member, end }: Waiter): boolean {
    if (this.#next !== member) return true;
    const [first] = this.#returned;
    const next = first === undefined ? this.#cursor : first.record.offset;
    return this.#member === member && next >= end && !this.#waiting;
  }

  #takeBatch(max: number): MemoryDelivery[] {
    if (this.#returned.length > 0) {
      return this.#returned.splice(0, max).map(({ record, attempt }) => this.#deliveryOf(record, attempt));
    }
    const records = this.#log.read(this.#cursor, max);
    this.#cursor += records.length;
    return records.map((record) => this.#deliveryOf(record, 1));
  }

  #deliveryOf(record: MemoryRecord, attempt: number): MemoryDelivery {
    const delivery = new MemoryDelivery(record, this.#group, attempt, this);
    this.#unsettled.add(delivery);
    return delivery;
  }

  #hasMore(): boolean {
    return this.#returned.length > 0 || this.#cursor < this.#log.end;
  }

  #moveWhenFree(): void {
    if (this.#member === this.#next || (this.#member !== undefined && this.#unsettled.size > 0)) return;
    this.#member = this.#next;
    this.#paused = false;
    this.#waiting = false;
    setImmediate(() => this.deliver());
  }

  /** Revokes the deliveries of the old member, except those with a running handler. */
  #takeBackIdle(): void {
    for (const delivery of this.#unsettled.all()) if (delivery.state !== 'running') this.#return(delivery);
    this.#callOffTimers();
  }

  #return(delivery: MemoryDelivery): void {
    this.#unsettled.delete(delivery);
    const attempt = delivery.attempt;
    delivery.revoke();
    this.#insert({ record: delivery.raw, attempt });
  }

  #returnLater(delivery: MemoryDelivery, delayMs: number): void {
    const returned = { record: delivery.raw, attempt: delivery.attempt + 1 };
    if (this.#member === undefined) return this.#insert(returned);
    const callOff = this.#member.clock.schedule(delayMs, () => {
      this.#timers.delete(callOff);
      this.#insert(returned);
      this.deliver();
    });
    this.#timers.set(callOff, returned);
  }

  /** Ends all retry delays, because they depend on the clock of the member that left. The messages are redelivered at once. */
  #callOffTimers(): void {
    for (const [callOff, returned] of this.#timers) {
      callOff();
      this.#insert(returned);
    }
    this.#timers.clear();
  }

  /** Inserts by binary search, because a member that leaves may return many thousands in any order. */
  #insert(returned: Returned): void {
    const { offset } = returned.record;
    let [low, high] = [0, this.#returned.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#returned[middle] as Returned).record.offset > offset) high = middle;
      else low = middle + 1;
    }
    this.#returned.splice(low, 0, returned);
  }
}
