import type { Clock } from '../../../contract/index.js';
import type { ConsumerPlace } from './consumers.js';
import type { NatsDelivery } from './delivery.js';
import type { Link } from '../client/link.js';
import { WORKING } from './settlements.js';
import type { Unsettled } from './unsettled.js';

/** Fractions of the consumer's ack wait: when a delivery is extended, when that would be too late, and how often both are checked. */
const EXTEND_AT = 0.375;
const TOO_LATE_AT = 0.85;
const TICK = 0.125;
/**
 * Running deliveries are extended more often: a new version of the service, or an operator, may lower the ack wait. The server then
 * redelivers at once whatever has waited longer.
 */
const EXTEND_RUNNING_MS = 2_000;
const MAX_TICK_MS = 1_000;

/** What keeping deliveries alive needs of a source. */
export interface KeepAlivePort {
  readonly clock: Clock;
  readonly link: Link;
  readonly unsettled: Unsettled;
  /** The current settings of the consumer. */
  place(): Pick<ConsumerPlace, 'ackWaitMs' | 'pinGroup'>;
  /** The server delivers it to another member. */
  revoke(delivery: NatsDelivery): void;
  /** Deliveries were taken back. */
  revoked(): void;
  /** Called at each check. */
  keepPin(): void;
}

/**
 * Extends the ack wait of the unsettled deliveries of one source, and revokes those for which it is too late: the server redelivers
 * them to another member.
 */
export class KeepAlive {
  readonly #port: KeepAlivePort;
  #callOffTick: (() => void) | undefined;
  #isOver = false;

  constructor(port: KeepAlivePort) {
    this.#port = port;
  }

  /** Uses the clock and not only the last check, because this process may have been suspended since. */
  mayBegin(delivery: NatsDelivery): boolean {
    if (this.#ageOf(delivery) < this.#port.place().ackWaitMs) return true;
    this.#recall();
    return false;
  }

  end(): void {
    this.#isOver = true;
    this.#callOffTick?.();
  }

  /** Extends the ack wait of unsettled deliveries, revokes those that are too late, and schedules itself again. */
  tick(): void {
    if (this.#isOver) return;
    this.#callOffTick?.();
    const { clock, link, unsettled } = this.#port;
    const { ackWaitMs } = this.#port.place();
    const extendAtMs = ackWaitMs * EXTEND_AT;
    const runningAtMs = Math.min(extendAtMs, EXTEND_RUNNING_MS);
    const old = [...unsettled.each()].filter(
      (delivery) => this.#ageOf(delivery) >= (delivery.state === 'running' ? runningAtMs : extendAtMs),
    );
    // A running handler cannot be revoked; JetStream accepts a late settlement.
    const isLost = (delivery: NatsDelivery): boolean =>
      this.#ageOf(delivery) >= ackWaitMs * TOO_LATE_AT && delivery.state !== 'running';
    const lost = old.filter(isLost);
    for (const delivery of lost) this.#port.revoke(delivery);
    if (lost.length > 0) this.#port.revoked();
    if (link.isUp) this.#extend(old.filter(({ state }) => state !== 'revoked'));
    link.probe(ackWaitMs * TICK);
    this.#port.keepPin();
    this.#callOffTick = clock.schedule(Math.min(MAX_TICK_MS, ackWaitMs * TICK), () => this.tick());
  }

  /** Milliseconds that the server may have waited for its settlement. */
  #ageOf({ confirmedMs }: NatsDelivery): number {
    return this.#port.clock.monotonicMs() - confirmedMs;
  }

  /**
   * The server may have redelivered what it waited for too long. With one active member, another member is active by then and also
   * has what follows.
   */
  #recall(): void {
    const { ackWaitMs, pinGroup } = this.#port.place();
    for (const delivery of this.#port.unsettled.all()) {
      const isOver = pinGroup !== undefined || this.#ageOf(delivery) >= ackWaitMs;
      if (isOver && delivery.state !== 'running') this.#port.revoke(delivery);
    }
    this.#port.revoked();
  }

  /**
   * What is written into a broken connection extends nothing; only the server's reply confirms it. The server processes these in
   * order, so the reply to the last one confirms all of them.
   */
  #extend(deliveries: readonly NatsDelivery[]): void {
    const last = deliveries.at(-1);
    if (last === undefined) return;
    const { clock, link } = this.#port;
    const sentMs = clock.monotonicMs();
    for (const delivery of deliveries) if (delivery !== last) link.tell(delivery.address, WORKING);
    link.connection.request(last.address, WORKING, { timeout: this.#port.place().ackWaitMs }).then(
      () => {
        for (const delivery of deliveries) this.#extended(delivery, sentMs);
      },
      () => undefined,
    );
  }

  /** The server also extends a delivery that another member has by now, so a late confirmation does not prove that it is still ours. */
  #extended(delivery: NatsDelivery, sentMs: number): void {
    const wasOurs = delivery.state === 'running' || this.#ageOf(delivery) < this.#port.place().ackWaitMs;
    if (wasOurs) delivery.confirmedMs = Math.max(delivery.confirmedMs, sentMs);
  }
}
