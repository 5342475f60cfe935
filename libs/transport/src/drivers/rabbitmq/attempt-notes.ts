import type { Channel } from 'amqplib';
import type { Clock } from '../../contract/index.js';
import type { ParcelStore } from './delayed-redelivery.js';
import type { RabbitmqDelivery } from './delivery.js';
import type { Link } from './link.js';
import { onChannel, type Topology } from './topology.js';

/** What was read is believed for so long. */
const FRESH_MS = 1_000;
/** Notes of processes that ended, newest last; more are not read. */
const MOST_NOTES = 200;

/**
 * Attempts that the broker has not counted: a keyed message waits for its next attempt in the process, and the broker counts
 * one delivery however often it was tried. So a process that ends in order writes down what it knows, in a queue beside the
 * group's, and whoever is given such a message again reads it there. The notes are left to the others, and expire.
 */
export class AttemptNotes {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #topology: Topology;
  readonly #store: ParcelStore;
  readonly #queue: string;
  readonly #topic: string;
  #attempts: ReadonlyMap<string, number> = new Map();
  #readAtMs: number | undefined;
  #reading: Promise<void> | undefined;

  constructor(clock: Clock, link: Link, topology: Topology, store: ParcelStore, queue: string, topic: string) {
    this.#clock = clock;
    this.#link = link;
    this.#topology = topology;
    this.#store = store;
    this.#queue = `${queue}:attempts`;
    this.#topic = topic;
  }

  /** Writes down what the broker would count wrong. Why no failure is told: the messages come again, counted as deliveries. */
  async write(deliveries: readonly RabbitmqDelivery[]): Promise<void> {
    const uncounted = deliveries.filter(({ attempt, countedAttempt }) => attempt > countedAttempt + 1);
    if (uncounted.length === 0) return;
    const notes = uncounted.map(({ id, attempt }) => [id, attempt]);
    try {
      await this.#topology.ensureNotes(this.#queue, this.#topic);
      const properties = { deliveryMode: 2, contentType: 'application/json' };
      const content = Buffer.from(JSON.stringify(notes));
      await this.#store.store({ exchange: '', routingKey: this.#queue, mandatory: true, content, properties });
    } catch {
      // As said above.
    }
  }

  /** Sees to it that a delivery which is not the first says which attempt it is. Undefined: it does already. */
  recall(delivery: RabbitmqDelivery): Promise<void> | undefined {
    const isFresh = this.#readAtMs !== undefined && this.#clock.monotonicMs() - this.#readAtMs < FRESH_MS;
    if (isFresh) return void this.#correct(delivery);
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading.then(() => this.#correct(delivery));
  }

  #correct(delivery: RabbitmqDelivery): void {
    const noted = this.#attempts.get(delivery.id);
    if (noted === undefined || noted <= delivery.attempt) return;
    delivery.explain();
    delivery.attempt = noted;
  }

  async #read(): Promise<void> {
    try {
      this.#attempts = await this.#readAll();
    } catch {
      // There are no notes, or the connection is gone; then the deliveries are taken back as well.
      this.#attempts = new Map();
    }
    this.#readAtMs = this.#clock.monotonicMs();
  }

  /** n.b. nothing is acked: the end of the channel puts the notes back for the other members. */
  async #readAll(): Promise<ReadonlyMap<string, number>> {
    const attempts = new Map<string, number>();
    await onChannel(await this.#link.open(), async (channel: Channel) => {
      for (let count = 0; count < MOST_NOTES; count++) {
        const message = await channel.get(this.#queue);
        if (message === false) return;
        for (const [id, attempt] of entriesOf(message.content))
          attempts.set(id, Math.max(attempt, attempts.get(id) ?? 0));
      }
    });
    return attempts;
  }
}

function entriesOf(content: Buffer): [string, number][] {
  try {
    const entries = JSON.parse(content.toString()) as unknown;
    if (!Array.isArray(entries)) return [];
    return entries.filter((entry): entry is [string, number] => {
      const [id, attempt] = (Array.isArray(entry) ? entry : []) as unknown[];
      return typeof id === 'string' && Number.isSafeInteger(attempt);
    });
  } catch {
    return [];
  }
}
