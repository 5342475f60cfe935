import type { ChannelModel } from 'amqplib';
import { randomUUID } from 'node:crypto';
import type { IntakeParts } from './intake.js';
import { delayedCopyOf, idOf, lastDeathOf, OWN_HEADERS, pastOf, type Death, type RabbitmqRecord } from '../mapping.js';
import { QueueReader } from './queue-reader.js';
import { pause, within } from '../../kit/waits.js';

/** Messages on their way back at a time. */
const PREFETCH = 64;
const RETRY_MS = 1_000;
const GOODBYE_MS = 2_000;
/** Between two warnings. */
const FIRST_WARNING_MS = 500;
const WARN_EVERY_MS = 60_000;
const LIMIT_REACHED = 'delivery_limit';

/**
 * Brings back what the server drops from the queues of a group because a policy limits deliveries: it counts those that
 * nobody began, so restarts alone use the limit up. What it takes out for another reason (a time to live, a full queue) was
 * meant to go.
 */
export class DroppedMessages {
  readonly #parts: IntakeParts;
  readonly #group: string;
  readonly #topic: string;
  readonly #closing = new AbortController();
  readonly #unwatch: () => void;
  readonly #returning = new Set<Promise<void>>();
  /** By queue. */
  readonly #unreported = new Map<string, number>();
  #reportInMs = FIRST_WARNING_MS;
  #callOffReport: (() => void) | undefined;
  #reader: QueueReader | undefined;
  #opening: Promise<void> | undefined;
  #callOffOpening: (() => void) | undefined;

  /** @param topic one of the group's, for errors */
  constructor(parts: IntakeParts, group: string, topic: string) {
    this.#parts = parts;
    this.#group = group;
    this.#topic = topic;
    this.#unwatch = parts.link.watch({ opened: () => this.#openLater(0) });
  }

  /** Declares the queue and reads it. @throws TransportError */
  async start(): Promise<void> {
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await this.#opening;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#callOffOpening?.();
    this.#unwatch();
    const { clock } = this.#parts.host;
    await within(clock, GOODBYE_MS, Promise.resolve(this.#opening));
    await within(clock, GOODBYE_MS, Promise.all(this.#returning));
    this.#report();
    await within(clock, GOODBYE_MS, Promise.resolve(this.#reader?.close()));
  }

  async #open(): Promise<void> {
    const { link, topology } = this.#parts;
    const model = await link.open();
    const queue = await topology.ensureDropped(this.#group, this.#topic);
    if (!this.#closing.signal.aborted) this.#reader = await this.#read(model, queue);
  }

  async #read(model: ChannelModel, queue: string): Promise<QueueReader> {
    // n.b. records may come before the answer that the consumer is placed.
    const early: RabbitmqRecord[] = [];
    let take = (record: RabbitmqRecord): void => void early.push(record);
    const events = { record: (record: RabbitmqRecord) => take(record), ended: () => this.#openLater(RETRY_MS) };
    const { clock } = this.#parts.host;
    const reader = await QueueReader.open({ model, clock, queue, prefetch: PREFETCH, events });
    take = (record) => this.#take(record, reader);
    early.forEach(take);
    return reader;
  }

  /** One try at a time is waited for, however many reasons there are. */
  #openLater(ms: number): void {
    this.#callOffOpening?.();
    if (this.#closing.signal.aborted) return;
    this.#callOffOpening = this.#parts.host.clock.schedule(ms, () => void this.#openAgain());
  }

  /** Why no failure is reported: without a connection the subscriptions report it, and what is dropped meanwhile waits. */
  async #openAgain(): Promise<void> {
    if (this.#parts.link.model === undefined || this.#reader?.isOpen === true) return;
    await this.start().catch(() => this.#openLater(RETRY_MS));
  }

  #take(record: RabbitmqRecord, reader: QueueReader): void {
    // n.b. what comes after the close began goes back with the channel.
    if (this.#closing.signal.aborted) return;
    const returning = this.#bringBack(record, reader).finally(() => this.#returning.delete(returning));
    this.#returning.add(returning);
  }

  /** Until the copy is stored the original stays unsettled. */
  async #bringBack(record: RabbitmqRecord, reader: QueueReader): Promise<void> {
    const death = lastDeathOf(record);
    if (death?.reason !== LIMIT_REACHED) return void reader.ack(record);
    while (reader.isOpen) {
      if (await this.#store(record, death)) {
        this.#count(death.queue);
        return void reader.ack(record);
      }
      await pause(this.#parts.host.clock, RETRY_MS, this.#closing.signal);
      if (this.#closing.signal.aborted) return;
    }
  }

  /** @returns whether it is back, or its queue is gone */
  async #store(record: RabbitmqRecord, { queue, topic }: Death): Promise<boolean> {
    const { attempts, deliveries } = pastOf(record);
    const notes = {
      // n.b. the server does not say how many deliveries there were, and some of them began nothing: they count as one.
      [OWN_HEADERS.attempts]: attempts - deliveries + 1,
      ...(topic === undefined ? {} : { [OWN_HEADERS.topic]: topic }),
    };
    const copy = delayedCopyOf(record, idOf(record) ?? randomUUID(), notes);
    try {
      const fate = await this.#parts.store.store({ exchange: '', routingKey: queue, mandatory: true, ...copy });
      return fate === 'stored' || fate === 'unroutable';
    } catch {
      return false;
    }
  }

  /** What comes within a moment is one warning. */
  #count(queue: string): void {
    this.#unreported.set(queue, (this.#unreported.get(queue) ?? 0) + 1);
    if (this.#callOffReport !== undefined) return;
    this.#callOffReport = this.#parts.host.clock.schedule(this.#reportInMs, () => {
      this.#reportInMs = WARN_EVERY_MS;
      this.#report();
    });
  }

  #report(): void {
    this.#callOffReport?.();
    this.#callOffReport = undefined;
    const { notices, broker } = this.#parts.host;
    for (const [queue, count] of this.#unreported) {
      const what = count === 1 ? '1 message' : `${count} messages`;
      const warning = `RabbitMQ dropped ${what} from queue "${queue}" at the delivery-limit of a policy; the driver put them back, behind the others. The limit also counts deliveries that no handler started, so restarts use it up. Remove delivery-limit from the policy of this queue, or raise it.`;
      notices.emit('subscription:warned', { broker, topic: this.#topic, group: this.#group, warning });
    }
    this.#unreported.clear();
  }
}
