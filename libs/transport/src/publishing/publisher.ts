import type { EventDefinition, Headers, PublishReceipt, TransportError } from '../contract/index.js';

/** Options of one publish, in addition to the payload. */
export interface PublishOptions {
  /** Messages with the same key keep their order. @default the event's `key` function, otherwise no key */
  readonly key?: string;
  /**
   * Headers in addition to the transport's own. You can pass on `context.headers`: the transport's names (`message-id`,
   * `content-type`, `dead-letter-...`) are ignored and written for the new message where needed. @default none
   */
  readonly headers?: Headers;
  /** The message's id; set it to make a repeated publish recognizable. @default a new UUID v7 */
  readonly id?: string;
  /**
   * An explicit partition number; rejected if the broker has no partitions. @default chosen by key, otherwise
   * round-robin
   */
  readonly partition?: number;
  /**
   * Delays the delivery by this many milliseconds; rejected if the broker cannot delay messages. Integer >= 0. @default
   * no delay
   */
  readonly deliverAfterMs?: number;
  /**
   * Delays the delivery until this time; a time in the past means immediately. Excludes `deliverAfterMs`. @default no
   * delay
   */
  readonly deliverAt?: Date;
}

/** Options of a request, in addition to the payload. A request cannot be delayed, because its sender waits. */
export interface RequestOptions extends Omit<PublishOptions, 'deliverAfterMs' | 'deliverAt'> {
  /**
   * How long to wait for the reply in milliseconds, sending included. Integer >= 1; required, because a request must
   * not wait forever.
   */
  readonly timeoutMs: number;
}

/** One message of a `publishMany`. */
export interface PublishEntry<In> extends PublishOptions {
  /** Validated against the event's schema, then encoded by its codec. */
  readonly payload: In;
}

/** The outcome of one message of a `publishMany`. */
export type PublishResult =
  | { readonly status: 'stored'; readonly receipt: PublishReceipt }
  | { readonly status: 'failed'; readonly error: TransportError };

/** Publishes events. Inject it with `@InjectPublisher()`. */
export abstract class Publisher {
  /**
   * Publishes a message and waits for the broker's acknowledgement. Messages published while a request is under way
   * leave together in the next one, so you can start many publishes at once.
   * @param event an event definition, or the name of a topic without one
   * @throws TransportError `TRANSPORT_PAYLOAD_INVALID`, `TRANSPORT_MESSAGE_TOO_LARGE`, ... before anything was sent;
   *   `TRANSPORT_PUBLISH_FAILED` (`stored: 'no'`); `TRANSPORT_PUBLISH_UNKNOWN` and `TRANSPORT_PUBLISH_TIMEOUT`, whose
   *   `stored` says whether the message MAY have been stored: publishing it again can then create a duplicate
   */
  abstract publish<In, Out>(
    event: EventDefinition<In, Out>,
    payload: In,
    options?: PublishOptions,
  ): Promise<PublishReceipt>;
  abstract publish(topic: string, payload: unknown, options?: PublishOptions): Promise<PublishReceipt>;

  /**
   * Publishes many messages and resolves with one result per message, in the given order. It never rejects, and an
   * invalid message does not affect the others.
   */
  abstract publishMany<In, Out>(
    event: EventDefinition<In, Out>,
    entries: readonly PublishEntry<In>[],
  ): Promise<PublishResult[]>;
  abstract publishMany(topic: string, entries: readonly PublishEntry<unknown>[]): Promise<PublishResult[]>;

  /**
   * Publishes a request and waits for the first reply of a handler (`@Respond`, `@MessagePattern`). The request can be
   * handled more than once, like any message; later replies are dropped.
   * @param event an event definition with its `answer`, or the name of a topic
   * @throws TransportError `TRANSPORT_REQUEST_TIMEOUT`; `TRANSPORT_REQUEST_FAILED` with the handler's error (name and
   *   message) as `cause`; `TRANSPORT_CAPABILITY_UNSUPPORTED` if the broker does not support replies; and what
   *   `publish` throws
   */
  abstract request<In, Out, Answer>(
    event: EventDefinition<In, Out, Answer>,
    payload: In,
    options: RequestOptions,
  ): Promise<Answer>;
  abstract request(topic: string, payload: unknown, options: RequestOptions): Promise<unknown>;

  /**
   * Waits until everything published so far is stored or has failed; each failure rejects its own publish.
   * @throws TransportError `TRANSPORT_PUBLISH_TIMEOUT` if that takes longer than `timeoutMs`
   */
  abstract flush(timeoutMs?: number): Promise<void>;
}
