import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Clock } from '../../../contract/index.js';
import { GatheredAcks } from './gathered-acks.js';
import type { RabbitmqRecord } from '../mapping.js';
import { SettlingTime } from './settling-time.js';
import { pause } from '../../kit/waits.js';

/** What a reader tells of. */
export interface ReaderEvents {
  record(record: RabbitmqRecord): void;
  /** Once, when nothing will come any more; not where `open` fails. @param failure why, unless the connection went */
  ended(failure: Error | undefined): void;
}

/** What a reader is made of. */
export interface ReaderParts {
  readonly model: ChannelModel;
  readonly clock: Clock;
  readonly queue: string;
  /** Records that may come before the first is settled. */
  readonly prefetch: number;
  readonly events: ReaderEvents;
}

/**
 * The life of one channel that reads one queue.
 *
 * Its consumer is never cancelled while messages are out: RabbitMQ 3.10 then gives back in another order what was on its way
 * (measured); the end of a channel keeps it. A record can be settled on the channel it came from and on no other, and a
 * second settlement would cost the channel with everything on it, so nothing is settled here twice, or too late.
 */
export class QueueReader {
  readonly queue: string;
  /** Records that came and are not settled. */
  holds = 0;
  /** Records that came since it was placed. */
  received = 0;
  readonly #channel: Channel;
  readonly #events: ReaderEvents;
  /** Consumers on the channel with the most that each may hold; the first is for good. */
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
  /** Aborted when, after the end began, the hand is full. */
  readonly #full = new AbortController();

  private constructor({ queue, events, clock }: ReaderParts, channel: Channel) {
    this.queue = queue;
    this.#channel = channel;
    this.#events = events;
    this.#clock = clock;
    channel.on('error', (error) => (this.#failure = error));
    channel.on('close', () => this.#end(this.#failure));
  }

  /** Resolves when the server has placed the consumer. @throws what amqplib throws */
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

  /** Records that the server gives before it waits for settlements. */
  get capacity(): number {
    return this.#consumers.reduce((sum, { prefetch }) => sum + prefetch, 0);
  }

  /** Lets so many more come. n.b. the bound of a consumer cannot be changed while it lives, so it is given a helper. */
  async grow(prefetch: number): Promise<void> {
    await this.#change(() => this.#consume(prefetch));
  }

  /** Ends the last helper; what came through it stays. */
  async shrink(): Promise<void> {
    if (this.#consumers.length < 2) return;
    await this.#change(async () => {
      const last = this.#consumers.pop();
      if (last !== undefined) await this.#channel.cancel(last.tag);
    });
  }

  /**
   * Resolves when a majority of the queue's nodes has written something: a helper that is placed and ended. For an idle reader.
   * n.b. a helper that was given a message stays until that is settled.
   */
  async probe(): Promise<void> {
    await this.grow(1);
    if (this.holds === 0) await this.shrink();
  }

  get hasHelpers(): boolean {
    return this.#consumers.length > 1;
  }

  /** @returns false when the channel has ended; else it is sent at the end of the turn */
  ack(record: RabbitmqRecord): boolean {
    this.holds--;
    if (!this.#isOpen) return false;
    this.#acks.add(record);
    this.#settling?.settled();
    return true;
  }

  /** Gives it back: it comes again, here or to another member. */
  giveBack(record: RabbitmqRecord): void {
    this.holds--;
    if (!this.#isOpen) return;
    this.#acks.leaveOut(record);
    this.#quietly(() => this.#channel.nack(record as ConsumeMessage, false, true));
  }

  /** Ends the channel: settlements so far are safe when this resolves, and what is unsettled goes back. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#acks.flush();
    this.#isOpen = false;
    await this.#untilSettled();
    await this.#endChannel();
  }

  /** n.b. the server gives no more than `capacity` beyond what it has settled: a full hand says that it has settled everything. */
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
    this.#end(new Error(`the server cancelled the consumer: queue "${this.queue}" was deleted, or moved to another node`));
    void this.#endChannel();
  }

  /** Why no failure is told: the channel has ended, one way or the other. */
  async #endChannel(): Promise<void> {
    await this.#channel.close().catch(() => undefined);
  }

  async #change(change: () => Promise<void>): Promise<void> {
    if (this.#isChanging || !this.#isOpen) return;
    this.#isChanging = true;
    // Why the failure is not told: the end of the channel is, and it is the only one there can be.
    await change().catch(() => undefined);
    this.#isChanging = false;
  }

  #end(failure: Error | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#failure ??= failure;
    if (this.#isPlaced) this.#events.ended(failure);
  }

  /** n.b. amqplib throws when its channel is closing, before it says so by an event. */
  #quietly(action: () => void): void {
    try {
      action();
    } catch {
      // Nothing to do: what is unsettled goes back with the channel.
    }
  }
}
