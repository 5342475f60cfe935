import type { Clock } from '../../../contract/index.js';
import type { ConsumerPlace } from './consumers.js';
import type { NatsDelivery } from './delivery.js';
import type { Link } from '../client/link.js';
import { WORKING } from './settlements.js';
import type { Unsettled } from './unsettled.js';

/** Shares of the consumer's ack wait: when a delivery is kept alive, when that would come too late, and how often both are looked at. */
const EXTEND_AT = 0.375;
const TOO_LATE_AT = 0.85;
const TICK = 0.125;
/**
 * What runs is kept alive more often, and looked at as often as that: a new version of the service, or an operator, may lower the ack
 * wait, and the server then gives what has waited for longer to another member at once.
 */
const EXTEND_RUNNING_MS = 2_000;
const MAX_TICK_MS = 1_000;

/** What is kept alive, and for whom. */
export interface KeepAlivePort {
  readonly clock: Clock;
  readonly link: Link;
  readonly unsettled: Unsettled;
  /** The consumer as it is now. */
  place(): Pick<ConsumerPlace, 'ackWaitMs' | 'pinGroup'>;
  /** Somebody else is given it. */
  takeBack(delivery: NatsDelivery): void;
  /** Deliveries were taken back. */
  revoked(): void;
  /** Called at each look. */
  keepPin(): void;
}

/**
 * Keeps alive at the server what one source has unsettled, and takes back what that comes too late for: the server gives it to
 * somebody else.
 */
export class KeepAlive {
  readonly #port: KeepAlivePort;
  #callOffTick: (() => void) | undefined;
  #isOver = false;

  constructor(port: KeepAlivePort) {
    this.#port = port;
  }

  /** n.b. by the clock and not only by the last look: this process may have been stopped meanwhile. */
  mayBegin(delivery: NatsDelivery): boolean {
    if (this.#ageOf(delivery) < this.#port.place().ackWaitMs) return true;
    this.#recall();
    return false;
  }

  end(): void {
    this.#isOver = true;
    this.#callOffTick?.();
  }

  /** Tells the server that what is unsettled is being worked on; what that comes too late for is taken back. Does so again and again. */
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
    // n.b. what runs cannot be taken back; JetStream takes its settlement late as well.
    const isLost = (delivery: NatsDelivery): boolean =>
      this.#ageOf(delivery) >= ackWaitMs * TOO_LATE_AT && delivery.state !== 'running';
    const lost = old.filter(isLost);
    for (const delivery of lost) this.#port.takeBack(delivery);
    if (lost.length > 0) this.#port.revoked();
    if (link.isUp) this.#extend(old.filter(({ state }) => state !== 'revoked'));
    link.probe(ackWaitMs * TICK);
    this.#port.keepPin();
    this.#callOffTick = clock.schedule(Math.min(MAX_TICK_MS, ackWaitMs * TICK), () => this.tick());
  }

  /** For so long the server may have waited for its settlement. */
  #ageOf({ confirmedMs }: NatsDelivery): number {
    return this.#port.clock.monotonicMs() - confirmedMs;
  }

  /** Others may have what the server has waited for too long; with one active member another one is it, and has what follows, too. */
  #recall(): void {
    const { ackWaitMs, pinGroup } = this.#port.place();
    for (const delivery of this.#port.unsettled.all()) {
      const isOver = pinGroup !== undefined || this.#ageOf(delivery) >= ackWaitMs;
      if (isOver && delivery.state !== 'running') this.#port.takeBack(delivery);
    }
    this.#port.revoked();
  }

  /**
   * n.b. what is written into a broken connection keeps nothing alive: only the server's answer does. It works through these in
   * their order, so the last one's answer is for all.
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

  /** n.b. the server also extends what is somebody else's by now: what was confirmed too late is not ours for certain. */
  #extended(delivery: NatsDelivery, sentMs: number): void {
    const wasOurs = delivery.state === 'running' || this.#ageOf(delivery) < this.#port.place().ackWaitMs;
    if (wasOurs) delivery.confirmedMs = Math.max(delivery.confirmedMs, sentMs);
  }
}
