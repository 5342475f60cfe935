import type { Delivery, Settlement } from '../../../contract/index.js';

/** What is remembered of a delivery that was settled. */
export type SettledDelivery = Pick<Delivery, 'id' | 'key' | 'attempt'>;

/** A settlement that was sent. nsqd has no answer to one that it takes. */
export interface SentSettlement extends SettledDelivery {
  readonly nsqd: string;
  /** nsqd's id of the message. */
  readonly messageId: string;
  /** On the monotonic clock. */
  readonly sentAtMs: number;
  readonly settlement: Settlement;
}

/** More are forgotten, oldest first: many times what is under way to nsqd at any moment. */
const MOST = 4_096;

/** A place for one settlement, used again for a later one. */
class Slot implements SentSettlement {
  nsqd = '';
  messageId = '';
  sentAtMs = 0;
  settlement: Settlement = NONE;
  id = '';
  key: string | undefined = undefined;
  attempt = 0;
}

const NONE: Settlement = { kind: 'ack' };

/** The last settlements of a subscription, for those that nsqd refuses or that are lost with a connection. */
export class RecentSettlements {
  readonly #slots: Slot[] = [];
  #next = 0;

  /** n.b. hot path: nothing is allocated once all places are there. */
  add(nsqd: string, messageId: string, sentAtMs: number, settlement: Settlement, delivery: SettledDelivery): void {
    const slot = (this.#slots[this.#next] ??= new Slot());
    slot.nsqd = nsqd;
    slot.messageId = messageId;
    slot.sentAtMs = sentAtMs;
    slot.settlement = settlement;
    slot.id = delivery.id;
    slot.key = delivery.key;
    slot.attempt = delivery.attempt;
    this.#next = (this.#next + 1) % MOST;
  }

  /** The oldest settlement of a message that is known, once: nsqd refuses them in the order in which they were sent. */
  takeRefused(nsqd: string, messageId: string): SentSettlement | undefined {
    return this.#take((slot) => slot.nsqd === nsqd && slot.messageId === messageId, 1)[0];
  }

  /** What was sent to an nsqd at this moment or later, oldest first. */
  takeSentSince(nsqd: string, sinceMs: number): readonly SentSettlement[] {
    return this.#take((slot) => slot.nsqd === nsqd && slot.sentAtMs >= sinceMs, MOST);
  }

  #take(isWanted: (slot: Slot) => boolean, most: number): SentSettlement[] {
    const taken: SentSettlement[] = [];
    const { length } = this.#slots;
    for (let step = 0; step < length && taken.length < most; step++) {
      const slot = this.#slots[(this.#next + step) % length] as Slot;
      if (!isWanted(slot)) continue;
      taken.push({ ...slot });
      // n.b. no nsqd has an empty address.
      slot.nsqd = '';
    }
    return taken;
  }
}
