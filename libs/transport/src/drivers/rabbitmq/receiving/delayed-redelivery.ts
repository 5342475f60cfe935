import { TransportError, type Clock } from '../../../contract/index.js';
import { delayQueueOf, isLongerThanAnyStep, stepOf } from '../topology/delays.js';
import type { RabbitmqDelivery } from './delivery.js';
import { channelError, errorOf } from '../client/failures.js';
import { delayedCopyOf, OWN_HEADERS } from '../mapping.js';
import type { Fate, Parcel } from '../publishing/confirmed-channel.js';
import type { SubscribedQueue, Topology } from '../topology/topology.js';

/** Stores copies on the broker. */
export interface ParcelStore {
  /** @throws TransportError when there is no channel */
  store(parcel: Parcel): Promise<Fate>;
}

/**
 * Redelivers messages after a delay. A copy goes to a delay queue and from there to the queue of the group, so that no other group
 * receives it. The copy is confirmed before the original may be acked.
 */
export class DelayedRedelivery {
  readonly #clock: Clock;
  readonly #topology: Topology;
  readonly #store: ParcelStore;
  readonly #queue: SubscribedQueue;
  readonly #made = new Set<string>();

  constructor(clock: Clock, topology: Topology, store: ParcelStore, queue: SubscribedQueue) {
    this.#clock = clock;
    this.#topology = topology;
    this.#store = store;
    this.#queue = queue;
  }

  /** Delay queues that this process has declared. */
  get queues(): readonly string[] {
    return [...this.#made];
  }

  /**
   * Stores the copy that will be redelivered.
   * @param attempts failed attempts so far
   * @returns why it is not stored; undefined when it is. Never rejects
   */
  async put(delivery: RabbitmqDelivery, delayMs: number, attempts: number): Promise<TransportError | undefined> {
    try {
      const fate = await this.#putOnce(delivery, delayMs, attempts);
      // The delay queue was deleted: the next attempt declares it again.
      if (fate === 'unroutable') this.#made.clear();
      return fate === 'stored' ? undefined : notStored(delivery, fate);
    } catch (error) {
      return error instanceof TransportError
        ? error
        : channelError(error, `cannot delay message ${delivery.id}`, delivery.topic);
    }
  }

  async #putOnce(delivery: RabbitmqDelivery, delayMs: number, attempts: number): Promise<Fate> {
    const routingKey = delayMs > 0 ? await this.#delayQueue(delivery, delayMs) : this.#queue.name;
    const now = this.#clock.now();
    const notes = {
      [OWN_HEADERS.attempts]: attempts,
      [OWN_HEADERS.topic]: delivery.topic,
      ...(isLongerThanAnyStep(delayMs) ? { [OWN_HEADERS.due]: String(now + delayMs) } : {}),
    };
    const copy = delayedCopyOf(delivery.raw, delivery.id, notes);
    return this.#store.store({ exchange: '', routingKey, mandatory: true, ...copy });
  }

  async #delayQueue({ topic }: RabbitmqDelivery, delayMs: number): Promise<string> {
    const lives = this.#queue.isInstances ? 'short' : 'long';
    const delay = delayQueueOf(this.#queue.name, stepOf(delayMs), this.#clock.now(), lives);
    if (!this.#made.has(delay.name)) await this.#topology.ensureDelay(this.#queue, delay, topic);
    this.#made.add(delay.name);
    return delay.name;
  }
}

function notStored({ id, topic }: RabbitmqDelivery, fate: Fate): TransportError {
  const why = {
    unroutable: 'its delay queue was deleted',
    refused: 'RabbitMQ rejected it',
    lost: 'the channel closed',
    stored: '',
  };
  return errorOf('TRANSPORT_PUBLISH_FAILED', `cannot store message ${id} for its retry: ${why[fate]}.`, {
    topic,
    retryable: true,
  });
}
