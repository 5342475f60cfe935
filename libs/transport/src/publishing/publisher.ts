import type { EventDefinition, Headers, PublishReceipt, TransportError } from '../contract/index.js';

/** What one message may carry beside its payload. */
export interface PublishOptions {
  /** Messages with the same key keep their order. @default the event's `key` function, else none */
  readonly key?: string;
  /**
   * In addition to those of the transport. `context.headers` can be handed on: the transport's own names (`message-id`,
   * `content-type`, `dead-letter-...`) are left out here, and written for the new message where it needs them. @default none
   */
  readonly headers?: Headers;
  /** The message's id; give one to make a repeated publish recognizable. @default a new UUID v7 */
  readonly id?: string;
  /** A partition by number; refused where the broker has none. @default chosen by key, else in turn */
  readonly partition?: number;
  /** Delivered this long after the publish, not before; refused where the broker cannot keep it until then. Integer >= 0. @default at once */
  readonly deliverAfterMs?: number;
  /** Delivered at this moment, not before; one that has passed is at once. Instead of `deliverAfterMs`. @default at once */
  readonly deliverAt?: Date;
}

/** A request beside its payload. It is for now: somebody waits. */
export interface RequestOptions extends Omit<PublishOptions, 'deliverAfterMs' | 'deliverAt'> {
  /** How long to wait for the answer, sending included. Integer >= 1: a request without an end is a leak. */
  readonly timeoutMs: number;
}

/** One message of a `publishMany`. */
export interface PublishEntry<In> extends PublishOptions {
  /** Checked against the event's schema, then encoded by its codec. */
  readonly payload: In;
}

/** What became of one message of a `publishMany`. */
export type PublishResult =
  | { readonly status: 'stored'; readonly receipt: PublishReceipt }
  | { readonly status: 'failed'; readonly error: TransportError };

/** Publishes events. Inject it with `@InjectPublisher()`. */
export abstract class Publisher {
  /**
   * Publishes one message and resolves when the broker has stored it.
   * Messages published while a request is under way leave together in the next one, so do not hesitate to start many at once.
   * @param event an event definition, or the name of a topic for what has none
   * @throws TransportError `TRANSPORT_PAYLOAD_INVALID`, `TRANSPORT_MESSAGE_TOO_LARGE`, ... before anything was sent;
   *   `TRANSPORT_PUBLISH_FAILED` (`stored: 'no'`); `TRANSPORT_PUBLISH_UNKNOWN` and `TRANSPORT_PUBLISH_TIMEOUT`, whose
   *   `stored` tells whether the message MAY have been stored: publishing it again can then make a duplicate
   */
  abstract publish<In, Out>(
    event: EventDefinition<In, Out>,
    payload: In,
    options?: PublishOptions,
  ): Promise<PublishReceipt>;
  abstract publish(topic: string, payload: unknown, options?: PublishOptions): Promise<PublishReceipt>;

  /** Publishes many and resolves, never rejects, with a result per message in the order given. One bad message does not hurt the others. */
  abstract publishMany<In, Out>(
    event: EventDefinition<In, Out>,
    entries: readonly PublishEntry<In>[],
  ): Promise<PublishResult[]>;
  abstract publishMany(topic: string, entries: readonly PublishEntry<unknown>[]): Promise<PublishResult[]>;

  /**
   * Publishes a request and resolves with the first answer of a handler (`@Respond`, `@MessagePattern`).
   * Whoever handles it may do so more than once, as any message: an answer that came too late is dropped.
   * @param event an event definition with its `answer`, or the name of a topic
   * @throws TransportError `TRANSPORT_REQUEST_TIMEOUT`; `TRANSPORT_REQUEST_FAILED` with the handler's error as `cause`, by name and
   *   message; `TRANSPORT_CAPABILITY_UNSUPPORTED` where the broker cannot answer; and what `publish` throws
   */
  abstract request<In, Out, Answer>(
    event: EventDefinition<In, Out, Answer>,
    payload: In,
    options: RequestOptions,
  ): Promise<Answer>;
  abstract request(topic: string, payload: unknown, options: RequestOptions): Promise<unknown>;

  /**
   * Resolves when everything published so far is stored or has failed; the failures are told to their own callers.
   * @throws TransportError `TRANSPORT_PUBLISH_TIMEOUT` when that takes longer than `timeoutMs`
   */
  abstract flush(timeoutMs?: number): Promise<void>;
}
