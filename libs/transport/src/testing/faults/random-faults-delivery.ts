import { Delivery, type Headers, type RawHeaders, type Reply, type Settlement } from '../../contract/index.js';

/** A message that an unreliable intake holds: it may be delivered several times. */
export interface HeldMessage {
  /** The delivery of the broker behind; settled once, when all is over. */
  readonly inner: Delivery;
  readonly attempt: number;
  readonly notBeforeMs: number;
  /** The delay before it is delivered, in milliseconds. */
  readonly holdMs: number;
}

/** Whoever decides what becomes of a delivery. */
export interface DeliveryOwner {
  /** False: the connection is torn away, so the settlement does not arrive. */
  accepts(delivery: RandomFaultsDelivery): boolean;
  ended(delivery: RandomFaultsDelivery, settlement: Settlement): void;
  parked(delivery: RandomFaultsDelivery): void;
}

/** One delivery of a message by an unreliable broker. */
export class RandomFaultsDelivery extends Delivery {
  readonly held: HeldMessage;
  readonly #owner: DeliveryOwner;

  constructor(held: HeldMessage, owner: DeliveryOwner) {
    const { inner, attempt, notBeforeMs } = held;
    super(inner.topic, inner.group, inner.key, inner.body, attempt, inner.partition);
    this.held = held;
    this.notBeforeMs = notBeforeMs;
    this.#owner = owner;
  }

  get offset(): string | undefined {
    return this.held.inner.offset;
  }

  override get rawKey(): Buffer | undefined {
    return this.held.inner.rawKey;
  }

  override get rawHeaders(): RawHeaders | undefined {
    return this.held.inner.rawHeaders;
  }

  get headers(): Headers {
    return this.held.inner.headers;
  }

  get publishedAt(): Date | undefined {
    return this.held.inner.publishedAt;
  }

  get raw(): unknown {
    return this.held.inner.raw;
  }

  override get stream(): number | undefined {
    return this.held.inner.stream;
  }

  override get reply(): ((reply: Reply) => void | Promise<void>) | undefined {
    return this.held.inner.reply;
  }

  header(name: string): string | undefined {
    return this.held.inner.header(name);
  }

  override settle(settlement: Settlement): boolean {
    if (this.state === 'settled' || this.state === 'revoked') return false;
    if (this.#owner.accepts(this)) return super.settle(settlement);
    this.revoke();
    return false;
  }

  override park(nextAttempt: number, delayMs: number): void {
    super.park(nextAttempt, delayMs);
    this.#owner.parked(this);
  }

  protected settled(settlement: Settlement): void {
    this.#owner.ended(this, settlement);
  }
}
