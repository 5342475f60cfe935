import type { ChannelModel } from 'amqplib';
import { randomUUID } from 'node:crypto';
import type { IntakeParts } from './intake.js';
import { delayedCopyOf, idOf, lastDeathOf, OWN_HEADERS, pastOf, type Death, type RabbitmqRecord } from '../mapping.js';
import { QueueReader } from './queue-reader.js';
import { pause, within } from '../../kit/waits.js';

/** Messages that are put back at a time. */
const PREFETCH = 64;
const RETRY_MS = 1_000;
const GOODBYE_MS = 2_000;
/** Pauses before the first warning and between two warnings. */
const FIRST_WARNING_MS = 500;
const WARN_EVERY_MS = 60_000;
const LIMIT_REACHED = 'delivery_limit';

/**
 * Puts back messages that the server drops from the queues of a group at the delivery-limit of a policy. The limit also counts
 * deliveries that no handler started, so restarts alone can use it up. Messages that expire or are dropped by a full queue are not put
 * back.
 */
export class DroppedMessages {
  readonly #parts: IntakeParts;
  readonly #group: string;
  readonly #topic: string;
  readonly #closing = new AbortController();
  readonly #unwatch: () => void;
  readonly #returning = new Set<Promise<void>>();
  /** Counts of messages by queue. */
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
    // Records may arrive before the server confirms the consumer.
    const early: RabbitmqRecord[] = [];
    let take = (record: RabbitmqRecord): void => void early.push(record);
    const events = { record: (record: RabbitmqRecord) => take(record), ended: () => this.#openLater(RETRY_MS) };
    const { clock } = this.#parts.host;
    const reader = await QueueReader.open({ model, clock, queue, prefetch: PREFETCH, events });
    take = (record) => this.#take(record, reader);
    early.forEach(take);
    return reader;
  }

  /** Schedules one attempt, which replaces an earlier one. */
  #openLater(ms: number): void {
    this.#callOffOpening?.();
    if (this.#closing.signal.aborted) return;
    this.#callOffOpening = this.#parts.host.clock.schedule(ms, () => void this.#openAgain());
  }

  /** Ignores failures: the subscriptions report a lost connection, and dropped messages wait in the queue. */
  async #openAgain(): Promise<void> {
    if (this.#parts.link.model === undefined || this.#reader?.isOpen === true) return;
    await this.start().catch(() => this.#openLater(RETRY_MS));
  }

  #take(record: RabbitmqRecord, reader: QueueReader): void {
    // Messages that arrive during the close are requeued with the channel.
    if (this.#closing.signal.aborted) return;
    const returning = this.#bringBack(record, reader).finally(() => this.#returning.delete(returning));
    this.#returning.add(returning);
  }

  /** Keeps the original unsettled until the copy is stored. */
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

  /** @returns whether it was put back, or its queue was deleted */
  async #store(record: RabbitmqRecord, { queue, topic }: Death): Promise<boolean> {
    const { attempts, deliveries } = pastOf(record);
    const notes = {
      // The number of deliveries is unknown, and some of them started no handler, so they count as one.
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

  /** Combines messages of a short period in one warning. */
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
