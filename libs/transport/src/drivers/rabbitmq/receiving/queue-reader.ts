import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Clock } from '../../../contract/index.js';
import { GatheredAcks } from './gathered-acks.js';
import type { RabbitmqRecord } from '../mapping.js';
import { SettlingTime } from './settling-time.js';
import { pause } from '../../kit/waits.js';

/** Callbacks of a reader. */
export interface ReaderEvents {
  record(record: RabbitmqRecord): void;
  /** Called once when the reader has ended, but not when `open` fails. @param failure why, unless the connection was lost */
  ended(failure: Error | undefined): void;
}

/** The parts of a reader. */
export interface ReaderParts {
  readonly model: ChannelModel;
  readonly clock: Clock;
  readonly queue: string;
  /** Records that the server delivers before the first is settled. */
  readonly prefetch: number;
  readonly events: ReaderEvents;
}

/**
 * Consumes one queue on one channel.
 *
 * The consumer is never cancelled while messages are unsettled: RabbitMQ 3.10 then requeues messages in flight in another order
 * (measured), while a channel close keeps the order. A record can be settled only on its own channel, and the server closes the
 * channel for a second settlement. The reader therefore drops settlements that come twice or too late.
 */
export class QueueReader {
  readonly queue: string;
  /** Received and unsettled records. */
  holds = 0;
  /** Records received since the start. */
  received = 0;
  readonly #channel: Channel;
  readonly #events: ReaderEvents;
  /** Consumers on the channel with their prefetch. The first one is permanent. */
  readonly #consumers: { readonly tag: string; readonly prefetch: number }[] = [];
  readonly #acks = new GatheredAcks((record, upTo) => {
    if (this.#isOpen) this.#quietly(() => this.#channel.ack(record as ConsumeMessage, upTo));
  });
  #failure: Error | undefined;
  #isOpen = true;
  #isPlaced = false;
  #isChanging = false;
  #settling: SettlingTime | undefined;
  readonly #clock: Clock;
  /** Aborted when the prefetch is full during a close. */
  readonly #full = new AbortController();

  private constructor({ queue, events, clock }: ReaderParts, channel: Channel) {
    this.queue = queue;
    this.#channel = channel;
    this.#events = events;
    this.#clock = clock;
    channel.on('error', (error) => (this.#failure = error));
    channel.on('close', () => this.#end(this.#failure));
  }

  /** Resolves when the server has confirmed the consumer. @throws what amqplib throws */
  static async open(parts: ReaderParts): Promise<QueueReader> {
    const reader = new QueueReader(parts, await parts.model.createChannel());
    const { clock, prefetch } = parts;
    try {
      const beganMs = clock.monotonicMs();
      await reader.#consume(prefetch);
      if (!reader.#isOpen) throw new Error(`The channel closed while it started to consume queue "${parts.queue}".`);
      reader.#isPlaced = true;
      reader.#settling = new SettlingTime(clock, clock.monotonicMs() - beganMs);
    } catch (error) {
      const failure = reader.#failure;
      reader.#isOpen = false;
      await reader.#endChannel();
      throw failure ?? error;
    }
    return reader;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Records that the server delivers before it waits for settlements. */
  get capacity(): number {
    return this.#consumers.reduce((sum, { prefetch }) => sum + prefetch, 0);
  }

  /** Raises the prefetch by adding a helper consumer, because the prefetch of a consumer cannot be changed. */
  async grow(prefetch: number): Promise<void> {
    await this.#change(() => this.#consume(prefetch));
  }

  /** Cancels the last helper. The messages it received stay. */
  async shrink(): Promise<void> {
    if (this.#consumers.length < 2) return;
    await this.#change(async () => {
      const last = this.#consumers.pop();
      if (last !== undefined) await this.#channel.cancel(last.tag);
    });
  }

  /**
   * Resolves when a majority of the queue's nodes has written something: adds a helper consumer and cancels it. For an idle reader.
   * A helper that receives a message stays until it is settled.
   */
  async probe(): Promise<void> {
    await this.grow(1);
    if (this.holds === 0) await this.shrink();
  }

  get hasHelpers(): boolean {
    return this.#consumers.length > 1;
  }

  /** Acks a record at the end of the turn. @returns false when the channel has closed */
  ack(record: RabbitmqRecord): boolean {
    this.holds--;
    if (!this.#isOpen) return false;
    this.#acks.add(record);
    this.#settling?.settled();
    return true;
  }

  /** Requeues a record, which is redelivered here or to another member. */
  giveBack(record: RabbitmqRecord): void {
    this.holds--;
    if (!this.#isOpen) return;
    this.#acks.leaveOut(record);
    this.#quietly(() => this.#channel.nack(record as ConsumeMessage, false, true));
  }

  /** Closes the channel. When this resolves, settlements so far are safe and unsettled records are requeued. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#acks.flush();
    this.#isOpen = false;
    await this.#untilSettled();
    await this.#endChannel();
  }

  /** Waits until the server has processed the settlements. A full prefetch shows that, because it delivers at most `capacity` unsettled records. */
  async #untilSettled(): Promise<void> {
    const leftMs = this.#settling?.leftMs ?? 0;
    if (leftMs > 0 && this.holds < this.capacity) await pause(this.#clock, leftMs, this.#full.signal);
  }

  async #consume(prefetch: number): Promise<void> {
    await this.#channel.prefetch(prefetch);
    const { consumerTag } = await this.#channel.consume(this.queue, (message) => this.#take(message));
    this.#consumers.push({ tag: consumerTag, prefetch });
  }

  #take(message: ConsumeMessage | null): void {
    if (message !== null) this.holds++;
    if (!this.#isOpen) return this.holds >= this.capacity ? this.#full.abort() : undefined;
    if (message !== null) {
      this.received++;
      return this.#events.record(message);
    }
    this.#end(
      new Error(`the server cancelled the consumer: queue "${this.queue}" was deleted, or moved to another node`),
    );
    void this.#endChannel();
  }

  /** Ignores failures, because the channel is closed either way. */
  async #endChannel(): Promise<void> {
    await this.#channel.close().catch(() => undefined);
  }

  async #change(change: () => Promise<void>): Promise<void> {
    if (this.#isChanging || !this.#isOpen) return;
    this.#isChanging = true;
    // Ignored, because only a channel close can fail this, and that is reported.
    await change().catch(() => undefined);
    this.#isChanging = false;
  }

  #end(failure: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#failure ??= failure;
    if (this.#isPlaced) this.#events.ended(failure);
  }

  /** Ignores the exception of amqplib for a closing channel, whose event follows. */
  #quietly(action: () => void): void {
    try {
      action();
    } catch {
      // Nothing to do: unsettled records are requeued with the channel.
    }
  }
}
