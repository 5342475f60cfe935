import { explanationOf, messageOf, Notices, stackOf, type Clock } from '../contract/index.js';
import type { SubscriptionPlan } from '../consuming/index.js';
import { BrokerRuntime } from './broker-runtime.js';
import type { ResolvedModuleOptions } from './module-options.js';
import { logNotices } from './logging/notice-log.js';
import { logStarts } from './describe/start-lines.js';
import { createLog, type TransportLog } from './logging/transport-log.js';
import { REAL_WORLD, type World } from './world.js';

/** Publishers get at least this long to flush, even when the handlers used up the whole drain timeout. */
const LAST_FLUSH_MS = 1_000;

const KEEP_ALIVE_MS = 3_600_000;

/** Where the transport of an application stands; it only ever moves to the right. */
export type TransportPhase = 'created' | 'open' | 'consuming' | 'draining' | 'closed';

/** The transport of one application: its brokers, from connection to close. One per application, nothing is shared between two. */
export class TransportRuntime {
  readonly notices = new Notices((error, name) =>
    this.log.error(`A listener of "${name}" failed: ${explanationOf(error)}`, stackOf(error)),
  );
  readonly log: TransportLog;
  readonly brokers: ReadonlyMap<string, BrokerRuntime>;
  readonly clock: Clock;
  /** Whether the application will consume: readiness then waits for it. */
  willConsume = false;
  /** Whether a failed start ends the process, as Nest does by default. */
  endsProcessOnFailure = false;
  #phase: TransportPhase = 'created';
  #keepAlive: NodeJS.Timeout | undefined;
  #drained: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #resolveClosed = (): void => undefined;
  /** Resolves when everything is closed. */
  readonly closed = new Promise<void>((resolve) => {
    this.#resolveClosed = resolve;
  });

  constructor(
    readonly options: ResolvedModuleOptions,
    world: World = REAL_WORLD,
  ) {
    const { clock } = world;
    this.clock = clock;
    this.log = createLog(options.logger);
    logNotices(this.notices, this.log);
    logStarts(this, this.log);
    const { service, brokers } = options;
    this.brokers = new Map(
      [...brokers].map(([name, broker]) => [
        name,
        new BrokerRuntime(broker, { service, broker: name, notices: this.notices, clock }, options, world),
      ]),
    );
  }

  get phase(): TransportPhase {
    return this.#phase;
  }

  /** A broker by name. @param name @default the default broker */
  broker(name: string = this.options.defaultBroker): BrokerRuntime {
    return this.brokers.get(name) as BrokerRuntime;
  }

  /** Connects all brokers and lets publishes through. */
  async open(): Promise<void> {
    if (this.#phase !== 'created') return;
    this.#phase = 'open';
    await Promise.all([...this.brokers.values()].map((broker) => broker.open()));
  }

  /** Checks all subscriptions before any broker is queried. */
  prepare(plans: ReadonlyMap<string, readonly SubscriptionPlan[]>, tracksHandlers: boolean): void {
    for (const [name, broker] of this.brokers) broker.prepare(plans.get(name) ?? [], tracksHandlers);
  }

  /** Rejects guarantees that no broker setting could fix. @throws TransportError `TRANSPORT_GUARANTEE_UNMET` */
  refuseUnmet(): void {
    for (const { guarantees } of this.brokers.values()) guarantees?.refuseUnmet();
  }

  /** Starts consuming the prepared subscriptions. */
  async consume(): Promise<void> {
    if (this.#phase !== 'open') return;
    this.#phase = 'consuming';
    // A broker without sockets, such as memory, would not keep the process alive while it waits for messages.
    this.#keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
    await Promise.all([...this.brokers.values()].map((broker) => broker.subscribe()));
  }

  /**
   * Stops intake on all brokers and waits until the handlers that run are done and settled, for at most `drainTimeoutMs`.
   * Publishing still works. A second call has no further effect.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /** Drains, flushes the publishers and closes the connections. A second call has no further effect. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    this.#phase = 'draining';
    clearInterval(this.#keepAlive);
    await this.#end((broker) => broker.drain(this.options.drainTimeoutMs));
  }

  async #close(): Promise<void> {
    const startedAt = this.clock.monotonicMs();
    await this.drain();
    const left = this.options.drainTimeoutMs - (this.clock.monotonicMs() - startedAt);
    await this.#end((broker) => broker.close(Math.max(LAST_FLUSH_MS, left)));
    this.#phase = 'closed';
    this.#resolveClosed();
  }

  /** A broker that fails to close must not stop the shutdown: the application's own hooks still have to run. */
  async #end(act: (broker: BrokerRuntime) => Promise<unknown>): Promise<void> {
    const brokers = [...this.brokers.values()];
    const results = await Promise.allSettled(brokers.map(act));
    results.forEach((result, index) => {
      if (result.status === 'fulfilled') return;
      this.log.error(
        `Broker "${brokers[index]?.name}" could not be drained or closed cleanly: ${messageOf(result.reason)}`,
      );
    });
  }
}
