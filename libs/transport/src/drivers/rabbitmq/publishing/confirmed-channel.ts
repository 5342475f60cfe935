import type { ChannelModel, ConfirmChannel, Message, Options } from 'amqplib';
import { messageOf } from '../../../contract/index.js';
import type { OutgoingRecord, RabbitmqProperties } from '../mapping.js';
import type { Place } from '../topology/names.js';

/** Bytes with properties, and where to. */
export interface Parcel extends Place, OutgoingRecord {
  /** Whether the server says so when no queue takes it. */
  readonly mandatory: boolean;
}

/**
 * Publishes of one channel that may wait for their confirms. RabbitMQ gives a channel credit for 200 to 400 messages; when a
 * queue that does not confirm has used it up, the server reads nothing more from the whole connection.
 */
export const MAX_UNCONFIRMED = 128;

/** `'refused'`: the server said no; `'lost'`: the channel ended before it said anything. */
export type Fate = 'stored' | 'unroutable' | 'refused' | 'lost';

/**
 * A channel on which the server confirms what it stored. n.b. it confirms what it threw away too, for want of a queue: what
 * tells them apart is a return, which comes before the confirmation and names the message by its id.
 */
export class ConfirmedChannel {
  readonly #channel: ConfirmChannel;
  /** Messages that came back and whose confirmation has not come yet. */
  readonly #returned = new Map<string, number>();
  #failure: Error | undefined;
  #isOpen = true;
  #hasRefused = false;

  private constructor(channel: ConfirmChannel) {
    this.#channel = channel;
    channel.on('error', (error) => (this.#failure = error));
    channel.on('close', () => (this.#isOpen = false));
    channel.on('return', (message) => this.#note(message));
  }

  static async open(model: ChannelModel): Promise<ConfirmedChannel> {
    return new ConfirmedChannel(await model.createConfirmChannel());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * The server has refused a message on it. n.b. a channel goes on refusing what is for that quorum queue until the queue is nearly
   * empty, also when the limit is gone: a new channel does not.
   */
  get hasRefused(): boolean {
    return this.#hasRefused;
  }

  /** Why the server closed this channel, and no other; undefined when the connection went with it. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Called once, when the channel has ended. */
  onClosed(listener: () => void): void {
    if (this.#isOpen) this.#channel.once('close', listener);
    else listener();
  }

  /** Never rejects: a channel that cannot be closed has ended already. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#channel.close().catch(() => undefined);
  }

  /** Resolves with what became of it. @throws what cannot be written as AMQP */
  store(parcel: Parcel): Promise<Fate> {
    return new Promise((resolve) => this.publish(parcel, resolve));
  }

  /**
   * @param onFate called once with what became of it
   * @returns whether it was written
   * @throws what cannot be written as AMQP
   */
  publish(parcel: Parcel, onFate: (fate: Fate) => void): boolean {
    const { exchange, routingKey, content, properties, mandatory } = parcel;
    if (!this.#isOpen) {
      onFate('lost');
      return false;
    }
    this.#channel.publish(exchange, routingKey, content, optionsOf(properties, mandatory), (error: unknown) =>
      onFate(this.#fateOf(parcel, error)),
    );
    return true;
  }

  #fateOf(parcel: Parcel, error: unknown): Fate {
    if (error !== null) return this.#unstored(error);
    return this.#returned.size > 0 && this.#takeReturned(parcel) ? 'unroutable' : 'stored';
  }

  #unstored(error: unknown): Fate {
    if (messageOf(error) !== NACKED) return 'lost';
    this.#hasRefused = true;
    return 'refused';
  }

  #note({ fields: { exchange, routingKey }, properties }: Message): void {
    const name = nameOf({ exchange, routingKey }, properties.messageId);
    this.#returned.set(name, (this.#returned.get(name) ?? 0) + 1);
  }

  #takeReturned(parcel: Parcel): boolean {
    const name = nameOf(parcel, parcel.properties.messageId);
    const count = this.#returned.get(name);
    if (count === undefined) return false;
    if (count === 1) this.#returned.delete(name);
    else this.#returned.set(name, count - 1);
    return true;
  }
}

/**
 * n.b. field by field: with a spread, amqplib's `publish` takes five times as long (it makes the headers a prototype). And
 * amqplib reads an undefined property as one that was not given; its types know only the latter.
 */
const optionsOf = (properties: RabbitmqProperties, mandatory: boolean): Options.Publish =>
  ({
    mandatory,
    messageId: properties.messageId,
    type: properties.type,
    contentType: properties.contentType,
    contentEncoding: properties.contentEncoding,
    deliveryMode: properties.deliveryMode,
    timestamp: properties.timestamp,
    headers: properties.headers,
    priority: properties.priority,
    correlationId: properties.correlationId,
    replyTo: properties.replyTo,
    expiration: properties.expiration,
    userId: properties.userId,
    appId: properties.appId,
  }) as Options.Publish;

const nameOf = ({ exchange, routingKey }: Place, id: unknown): string => `${String(id)}\n${exchange}\n${routingKey}`;

/** amqplib's word for a negative confirmation; every other error means that none will come. */
const NACKED = 'message nacked';
