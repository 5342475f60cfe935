import type { HealthStatus, Notices } from '../../contract/index.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** State of a subscription. `'starting'`: it has not joined its group yet; `'stalled'`: a partition waits for an unsettled message; `'starved'`: it receives nothing although messages wait on the broker; `'crashed'`: it is being restarted; `'paused'`: the application or a policy paused it. */
export type SubscriptionState = 'starting' | 'running' | 'paused' | 'stalled' | 'starved' | 'crashed' | 'stopped';

/** The health of one subscription: a topic as one group reads it. */
export interface SubscriptionReport {
  readonly topic: string;
  readonly group: string;
  readonly state: SubscriptionState;
}

/** The health of one broker's connection and of its subscriptions. */
export interface BrokerReport {
  readonly name: string;
  readonly driver: string;
  readonly status: HealthStatus;
  /** One sentence for each problem; empty when up. */
  readonly problems: readonly string[];
  readonly subscriptions: readonly SubscriptionReport[];
}

/** The health of the whole transport, as `TransportHealth` returns it. */
export interface TransportReport {
  readonly status: HealthStatus;
  readonly ready: boolean;
  /** One sentence for each problem of the application and of each broker (with its name). Empty when up. */
  readonly problems: readonly string[];
  readonly brokers: readonly BrokerReport[];
}

const SEVERITY = { up: 0, degraded: 1, down: 2 } as const satisfies Record<HealthStatus, number>;

const worst = (statuses: readonly HealthStatus[]): HealthStatus =>
  statuses.reduce((worse, status) => (SEVERITY[status] > SEVERITY[worse] ? status : worse), 'up');

const NOT_BEGUN =
  'Consuming has not started: it waits for app.listen() or app.startAllMicroservices(). With connectTransport(app) the latter is not needed.';

/** Reports whether messages flow, for readiness probes. Inject it, or use `app.get(TransportHealth)`. */
export class TransportHealth {
  readonly #runtime: TransportRuntime;
  readonly #troubles: SubscriptionTroubles;

  constructor(runtime: TransportRuntime) {
    this.#runtime = runtime;
    this.#troubles = new SubscriptionTroubles(runtime.notices);
  }

  /** `'up'`; `'degraded'`: messages flow, but some wait; `'down'`: not started, disconnected, or draining. */
  get status(): HealthStatus {
    return this.report().status;
  }

  /** Whether every broker is connected and every subscription has joined its group. `false` as soon as a drain starts. */
  isReady(): boolean {
    return this.#isRunning() && this.status !== 'down';
  }

  /** Returns everything at once, for an endpoint or a log. */
  report(): TransportReport {
    const brokers = [...this.#runtime.brokers.keys()].map((name) => this.#broker(name));
    const status = this.#isRunning() ? worst(brokers.map((broker) => broker.status)) : 'down';
    const problems = [...this.#problems(), ...brokers.flatMap(named)];
    return { status, ready: status !== 'down', problems, brokers };
  }

  /**
   * Stops consuming and waits for running handlers (at most `drainTimeoutMs`), before the shutdown does it. Publishing still
   * works. The application stays up but is no longer ready. A second call has no further effect.
   */
  drain(): Promise<void> {
    return this.#runtime.drain();
  }

  #isRunning(): boolean {
    const { phase, brokers, willConsume } = this.#runtime;
    const started = phase === 'consuming' || (phase === 'open' && !willConsume);
    return started && [...brokers.values()].every((broker) => broker.isUp);
  }

  #problems(): readonly string[] {
    const { phase, willConsume } = this.#runtime;
    if (phase === 'created') return ['The application has not been initialized yet.'];
    if (phase === 'draining' || phase === 'closed') return [`The transport is ${phase}.`];
    return phase === 'open' && willConsume ? [NOT_BEGUN] : [];
  }

  #broker(name: string): BrokerReport {
    const broker = this.#runtime.broker(name);
    const subscriptions = broker.subscriptions.map(({ topic, group }) => ({
      topic,
      group,
      state: this.#state(name, topic, group),
    }));
    const { status, problems } = broker.health();
    const unwell = subscriptions.filter(
      ({ state }) => state === 'crashed' || state === 'stalled' || state === 'paused',
    );
    const sentences = unwell.map(
      ({ topic, group, state }) => `Subscription to ${topic} of group ${group} is ${state}.`,
    );
    return {
      name,
      driver: broker.driver,
      status: unwell.length > 0 ? worst([status, 'degraded']) : status,
      problems: [...problems, ...sentences],
      subscriptions,
    };
  }

  #state(broker: string, topic: string, group: string): SubscriptionState {
    const { phase } = this.#runtime;
    if (phase === 'draining' || phase === 'closed') return 'stopped';
    if (!this.#runtime.broker(broker).isUp) return 'starting';
    const trouble = this.#troubles.of(broker, topic, group);
    return trouble ?? (this.#runtime.broker(broker).isPaused(topic, group) ? 'paused' : 'running');
  }
}

const named = ({ name, problems }: BrokerReport): readonly string[] =>
  problems.map((problem) => `Broker "${name}": ${problem}`);

interface OfSubscription {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
}

/** Remembers which subscriptions crashed or stalled, from their notices. */
class SubscriptionTroubles {
  readonly #crashed = new Set<string>();
  readonly #stalled = new Map<string, Set<number>>();
  readonly #starved = new Set<string>();

  constructor(notices: Notices) {
    notices.on('subscription:crashed', (notice) => this.#crashed.add(identity(notice)));
    notices.on('subscription:recovered', (notice) => this.#crashed.delete(identity(notice)));
    notices.on('subscription:started', (notice) => this.#recovered(identity(notice)));
    notices.on('partition:assigned', (notice) => this.#crashed.delete(identity(notice)));
    notices.on('partition:stalled', (notice) => this.#stalledAt(identity(notice), notice.partition));
    notices.on('partition:unstalled', (notice) => this.#flowsAt(identity(notice), notice.partition));
    notices.on('subscription:starved', (notice) => this.#starved.add(identity(notice)));
    notices.on('subscription:receiving', (notice) => this.#starved.delete(identity(notice)));
    notices.on('partition:revoked', (notice) => this.#flowsAt(identity(notice), notice.partition));
  }

  of(broker: string, topic: string, group: string): 'crashed' | 'stalled' | 'starved' | undefined {
    const subscription = identity({ broker, topic, group });
    if (this.#crashed.has(subscription)) return 'crashed';
    if (this.#stalled.has(subscription)) return 'stalled';
    return this.#starved.has(subscription) ? 'starved' : undefined;
  }

  #recovered(subscription: string): void {
    this.#crashed.delete(subscription);
    this.#stalled.delete(subscription);
  }

  #stalledAt(subscription: string, partition: number): void {
    const partitions = this.#stalled.get(subscription) ?? new Set();
    this.#stalled.set(subscription, partitions.add(partition));
  }

  #flowsAt(subscription: string, partition: number): void {
    const partitions = this.#stalled.get(subscription);
    partitions?.delete(partition);
    if (partitions?.size === 0) this.#stalled.delete(subscription);
  }
}

function identity({ broker, topic, group }: OfSubscription): string {
  return JSON.stringify([broker, topic, group]);
}
