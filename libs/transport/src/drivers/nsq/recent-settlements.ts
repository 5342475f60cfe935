import type { Delivery, Settlement } from '../../contract/index.js';

/** A settlement that was sent. nsqd has no answer to one that it takes. */
export interface SentSettlement {
  readonly nsqd: string;
  /** nsqd's id of the message. */
  readonly messageId: string;
  /** On the monotonic clock. */
  readonly sentAtMs: number;
  readonly settlement: Settlement;
  readonly of: Pick<Delivery, 'topic' | 'group' | 'id' | 'key' | 'attempt'>;
}

/** More are forgotten, oldest first: many times what is under way to nsqd at any moment. */
const MOST = 4_096;

/** The last settlements of a subscription, for those that nsqd refuses or that are lost with a connection. */
export class RecentSettlements {
  readonly #entries: (SentSettlement | undefined)[] = [];
  #next = 0;

  /** n.b. hot path. */
  add(entry: SentSettlement): void {
    this.#entries[this.#next] = entry;
    this.#next = (this.#next + 1) % MOST;
  }

  /** The oldest settlement of a message that is known, once: nsqd refuses them in the order in which they were sent. */
  takeRefused(nsqd: string, messageId: string): SentSettlement | undefined {
    return this.#take((entry) => entry.nsqd === nsqd && entry.messageId === messageId, 1)[0];
  }

  /** What was sent to an nsqd at this moment or later, oldest first. */
  takeSentSince(nsqd: string, sinceMs: number): readonly SentSettlement[] {
    return this.#take((entry) => entry.nsqd === nsqd && entry.sentAtMs >= sinceMs, MOST);
  }

  #take(isWanted: (entry: SentSettlement) => boolean, most: number): SentSettlement[] {
    const taken: SentSettlement[] = [];
    const { length } = this.#entries;
    for (let step = 0; step < length && taken.length < most; step++) {
      const index = (this.#next + step) % length;
      const entry = this.#entries[index];
      if (entry === undefined || !isWanted(entry)) continue;
      taken.push(entry);
      this.#entries[index] = undefined;
    }
    return taken;
  }
}
