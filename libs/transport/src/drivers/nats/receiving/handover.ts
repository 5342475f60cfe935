import type { DeliverySink } from '../../../contract/index.js';
import type { NatsDelivery } from './delivery.js';

/** Gives deliveries to a sink by the handful, and nothing more while the sink has asked to wait. */
export class Handover {
  readonly #sink: DeliverySink;
  readonly #most: number;
  readonly #onRoom: () => void;
  #held: NatsDelivery[] = [];
  #isWaiting = false;
  #isPlanned = false;
  #isOver = false;

  /** @param most deliveries of one call; @param onRoom called when the sink wants more */
  constructor(sink: DeliverySink, most: number, onRoom: () => void) {
    this.#sink = sink;
    this.#most = most;
    this.#onRoom = onRoom;
  }

  /** The sink has asked to wait, or has not seen everything yet. */
  get isFull(): boolean {
    return this.#isWaiting || this.#held.length >= this.#most;
  }

  get held(): number {
    return this.#held.length;
  }

  /** n.b. the client hands over what one read from the socket brought, one by one; the sink gets it in one go. */
  add(delivery: NatsDelivery): void {
    this.#held.push(delivery);
    if (this.#isPlanned || this.#isWaiting || this.#isOver) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#giveOut();
    });
  }

  /** Gives out nothing more; returns what the sink has not seen. */
  end(): NatsDelivery[] {
    this.#isOver = true;
    return this.#held.splice(0);
  }

  #giveOut(): void {
    while (this.#held.length > 0 && !this.#isWaiting && !this.#isOver) {
      const batch = this.#held.splice(0, this.#most).filter(({ state }) => state === 'queued');
      const enough = batch.length === 0 ? undefined : this.#sink.receive(batch);
      if (enough !== undefined) return this.#waitFor(enough);
    }
    if (!this.#isOver) this.#onRoom();
  }

  #waitFor(enough: Promise<void>): void {
    this.#isWaiting = true;
    void enough.then(() => {
      this.#isWaiting = false;
      this.#giveOut();
    });
  }
}
