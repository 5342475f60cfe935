import type { ChannelModel, ConfirmChannel, Message, Options } from 'amqplib';
import { messageOf } from '../../../contract/index.js';
import type { OutgoingRecord, RabbitmqProperties } from '../mapping.js';
import type { Place } from '../topology/names.js';

/** A message with its destination. */
export interface Parcel extends Place, OutgoingRecord {
  /** Whether the server returns it when no queue is bound. */
  readonly mandatory: boolean;
}

/**
 * Limit of unconfirmed publishes per channel. RabbitMQ gives a channel credit for 200 to 400 messages. When a queue that does not
 * confirm has used it up, the server reads nothing more from the whole connection.
 */
export const MAX_UNCONFIRMED = 128;

/** `'refused'`: the server sent a nack; `'lost'`: the channel closed before a confirm. */
export type Fate = 'stored' | 'unroutable' | 'refused' | 'lost';

/**
 * A channel with publisher confirms. The server also confirms messages that it discards because no queue is bound. A return, which
 * arrives before the confirm and contains the message id, distinguishes them.
 */
export class ConfirmedChannel {
  readonly #channel: ConfirmChannel;
  /** Returned messages without a confirm yet. */
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
   * Whether the server has rejected a publish on this channel. Such a channel keeps rejecting publishes for that quorum queue until the
   * queue is nearly empty, even after the limit was removed. A new channel does not.
   */
  get hasRefused(): boolean {
    return this.#hasRefused;
  }

  /** Why the server closed only this channel; undefined when the connection was lost. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Calls `listener` once, when the channel has closed. */
  onClosed(listener: () => void): void {
    if (this.#isOpen) this.#channel.once('close', listener);
    else listener();
  }

  /** Never rejects, because a channel that cannot be closed is closed already. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#channel.close().catch(() => undefined);
  }

  /** Publishes and resolves with the outcome. @throws when the message cannot be written as AMQP */
  store(parcel: Parcel): Promise<Fate> {
    return new Promise((resolve) => this.publish(parcel, resolve));
  }

  /**
   * @param onFate called once with the outcome
   * @returns whether it was written
   * @throws when the message cannot be written as AMQP
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
 * Field by field, because with a spread amqplib's `publish` takes five times as long (it makes the headers a prototype). amqplib
 * treats an undefined property as unset, which its types do not allow.
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

/** amqplib's message for a nack; every other error means that no confirm will arrive. */
const NACKED = 'message nacked';
