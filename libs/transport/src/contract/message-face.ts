import type { Delivery, MessageContext } from './delivery.js';
import type { Headers } from './message.js';

/**
 * What a handler is given of a delivery: the fields of `MessageContext`, live, and nothing with which it could settle the message, move
 * it in its lane or change what others read of it.
 */
export class MessageFace implements MessageContext {
  readonly #delivery: Delivery;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  /** The delivery behind a context; undefined where it is not one of ours. */
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

  /** n.b. frozen when somebody asks: on memory all groups read the same object, and a copy of each message would cost more. */
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

  /** What `JSON.stringify` and `console.log` show; not `raw`, which may hold the payload. */
  toJSON(): Partial<MessageContext> {
    const { topic, group, type, id, key, attempt, partition, offset, publishedAt, headers } = this;
    return { topic, group, type, id, key, attempt, partition, offset, publishedAt, headers };
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON();
  }
}

/** The context of a delivery for handlers and policies of users: the same one at each attempt. */
export function contextOf(delivery: Delivery): MessageContext {
  return (delivery.face ??= new MessageFace(delivery));
}

/** The delivery of a context. n.b. a policy of a user may hand on a context of its own making, which is then all there is. */
export const deliveryOf = (context: MessageContext): Delivery =>
  MessageFace.behind(context) ?? (context as unknown as Delivery);
