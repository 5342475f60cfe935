import type { Delivery, DeliverySink } from '../../contract/index.js';

const ignore = (): void => undefined;

/**
 * Passes deliveries to one sink in the order in which they arrived, and waits while the sink is full. Clients report messages
 * one by one; the sink receives all messages of one turn of the event loop in one call.
 */
export class Handover<Item extends Delivery> {
  readonly #sink: DeliverySink;
  readonly #most: number;
  readonly #onRoom: () => void;
  #held: Item[] = [];
  #isPlanned = false;
  /** Promises that have to resolve before the next call. */
  #heldUpBy = 0;
  #isOver = false;

  /** @param most deliveries of one call; @param onRoom called when the sink has everything and accepts more */
  constructor(sink: DeliverySink, most: number, onRoom: () => void = ignore) {
    this.#sink = sink;
    this.#most = most;
    this.#onRoom = onRoom;
  }

  /** The sink has asked to wait, or has not seen everything yet. */
  get isFull(): boolean {
    return this.#heldUpBy > 0 || this.#held.length >= this.#most;
  }

  /** The sink has everything and accepts more. */
  get isIdle(): boolean {
    return this.#held.length === 0 && this.#heldUpBy === 0 && !this.#isOver;
  }

  /** The sink has asked to wait, or something has to be known first. */
  get isHeldUp(): boolean {
    return this.#heldUpBy > 0;
  }

  /** Deliveries that the sink has not seen. */
  get held(): number {
    return this.#held.length;
  }

  push(delivery: Item): void {
    this.#held.push(delivery);
    if (this.#isPlanned || this.#heldUpBy > 0 || this.#isOver) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#passOn();
    });
  }

  /** What is held, and what arrives later, waits for something that has to be known first. @param knowledge never rejects */
  waitFor(knowledge: Promise<void>): void {
    this.#heldUpBy++;
    void knowledge.then(() => {
      this.#heldUpBy--;
      this.#passOn();
    });
  }

  /** Passes nothing more to the sink. @returns what the sink has not seen */
  end(): Item[] {
    this.#isOver = true;
    return this.#held.splice(0);
  }

  #passOn(): void {
    while (this.#held.length > 0 && this.#heldUpBy === 0 && !this.#isOver) {
      const batch = this.#held.splice(0, this.#most).filter(({ state }) => state === 'queued');
      const wait = batch.length === 0 ? undefined : this.#sink.receive(batch);
      if (wait !== undefined) this.waitFor(wait);
    }
    if (this.#heldUpBy === 0 && !this.#isOver) this.#onRoom();
  }
}
