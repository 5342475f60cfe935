import type { Consumption, SubscriptionSink, TransportError } from '../../../contract/index.js';
import { DroppedMessages } from './dropped-messages.js';
import type { IntakeParts } from './intake.js';
import { SubscriptionSupervisor } from './subscription-supervisor.js';

/** A running consumption: each subscription consumes its own queue on its own channel. */
export class RabbitmqConsumption implements Consumption {
  readonly #supervisors: readonly SubscriptionSupervisor[];
  readonly #open: Set<RabbitmqConsumption>;
  readonly #dropped: readonly DroppedMessages[];
  #closed: Promise<void> | undefined;

  /** @param open holds the consumption until it is closed */
  constructor(parts: IntakeParts, subscriptions: readonly SubscriptionSink[], open: Set<RabbitmqConsumption>) {
    this.#supervisors = subscriptions.map((each) => new SubscriptionSupervisor(parts, each));
    this.#dropped = droppedOf(parts, subscriptions);
    this.#open = open;
    open.add(this);
  }

  /** Resolves when every queue is consumed. @throws TransportError when one cannot be, after closing the others */
  async start(): Promise<void> {
    try {
      // First, because the queue for dropped messages must exist before a message can be dropped.
      await Promise.all(this.#dropped.map((dropped) => dropped.start()));
      await Promise.all(this.#supervisors.map((supervisor) => supervisor.start()));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get problems(): string[] {
    return this.#supervisors.map(({ problem }) => problem).filter((problem) => problem !== undefined);
  }

  get stalls(): string[] {
    return this.#supervisors.map(({ stall }) => stall).filter((stall) => stall !== undefined);
  }

  /** A publish found that a topic reaches no queue. */
  unfed(topic: string, error: TransportError): void {
    for (const supervisor of this.#supervisors) supervisor.unfed(topic, error);
  }

  waiting(): Promise<readonly (number | undefined)[]> {
    return Promise.all(this.#supervisors.map((supervisor) => supervisor.waiting()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      // First, because the next member handles messages that the server drops when the channels close.
      await Promise.all(this.#dropped.map((dropped) => dropped.close()));
      await Promise.all(this.#supervisors.map((supervisor) => supervisor.close()));
    } finally {
      this.#open.delete(this);
    }
  }
}

/** Creates one for each group with quorum queues, which count deliveries. */
function droppedOf(parts: IntakeParts, subscriptions: readonly SubscriptionSink[]): DroppedMessages[] {
  const { provision, queueType, queueArguments } = parts.options;
  if (!provision || queueType !== 'quorum' || queueArguments?.['x-dead-letter-exchange'] !== undefined) return [];
  const groups = new Map<string, string>();
  for (const { subscription } of subscriptions) {
    if (subscription.delivery === 'group') groups.set(subscription.group, subscription.topic);
  }
  return [...groups].map(([group, topic]) => new DroppedMessages(parts, group, topic));
}
