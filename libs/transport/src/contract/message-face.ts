import type { Delivery, MessageContext } from './delivery.js';
import type { Headers } from './message.js';

/**
 * Shows a delivery to a handler: the live fields of `MessageContext`, without any means to settle the message, move it
 * in its lane or change what others read.
 */
export class MessageFace implements MessageContext {
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** Returns the delivery behind a context; undefined if the context is not one of ours. */
  static behind(context: MessageContext): Delivery | undefined {
    return #delivery in context ? context.#delivery : undefined;
  }

  get topic(): string {
    return this.#delivery.topic;
  }

  get group(): string {
    return this.#delivery.group;
  }

  get type(): string {
    return this.#delivery.type;
  }

  get id(): string {
    return this.#delivery.id;
  }

  get key(): string | undefined {
    return this.#delivery.key;
  }

  get rawKey(): Buffer | undefined {
    return this.#delivery.rawKey;
  }

  /** Frozen on first access: on memory all groups share one object, and a copy per message would cost more. */
  get headers(): Headers {
    return Object.freeze(this.#delivery.headers);
  }

  get attempt(): number {
    return this.#delivery.attempt;
  }

  get partition(): number | undefined {
    return this.#delivery.partition;
  }

  get offset(): string | undefined {
    return this.#delivery.offset;
  }

  get publishedAt(): Date | undefined {
    return this.#delivery.publishedAt;
  }

  get raw(): unknown {
    return this.#delivery.raw;
  }

  get signal(): AbortSignal {
    return this.#delivery.signal;
  }

  header(name: string): string | undefined {
    return this.#delivery.header(name);
  }

  /** What `JSON.stringify` and `console.log` print; without `raw`, which can contain the payload. */
  toJSON(): Partial<MessageContext> {
    const { topic, group, type, id, key, attempt, partition, offset, publishedAt, headers } = this;
    return { topic, group, type, id, key, attempt, partition, offset, publishedAt, headers };
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON();
  }
}

/** Returns the context of a delivery for handlers and user policies: the same object at each attempt. */
export function contextOf(delivery: Delivery): MessageContext {
  return (delivery.face ??= new MessageFace(delivery));
}

/**
 * Returns the delivery of a context. A user's policy can pass on a context of its own making, which is then returned
 * itself.
 */
export const deliveryOf = (context: MessageContext): Delivery =>
  MessageFace.behind(context) ?? (context as unknown as Delivery);
