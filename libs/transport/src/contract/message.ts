/**
 * Headers as users see them: strings under lower-case names. If a foreign program repeated a header, the last value is
 * shown; `raw` has all bytes.
 */
export type Headers = Readonly<Record<string, string>>;

/** The bytes of headers that are not valid UTF-8, under lower-case names. */
export type RawHeaders = Readonly<Record<string, Buffer>>;

/** A message that is checked, encoded and named, ready for any driver. */
export interface OutgoingMessage {
  readonly topic: string;
  /** Messages with the same key keep their order. */
  readonly key: string | undefined;
  /**
   * The key's bytes if they are not valid UTF-8; `key` is then only for display. A driver that can write bytes writes
   * these.
   */
  readonly rawKey?: Buffer | undefined;
  /** The encoded payload; `null` is a Kafka tombstone. */
  readonly body: Buffer | null;
  /** Everything that travels alongside the body, including `message-id`; undefined when there is nothing. */
  readonly headers: Headers | undefined;
  /** The bytes of headers that are not valid UTF-8. A driver that can write bytes writes these instead of the text. */
  readonly rawHeaders?: RawHeaders | undefined;
  /** UUID v7 unless the caller set another; one id identifies the same message on every broker. */
  readonly id: string;
  /** An explicit partition; undefined lets the driver choose by key, or round-robin. */
  readonly partition: number | undefined;
  /** Earliest delivery, in milliseconds since the epoch; left out: immediately. */
  readonly deliverAtMs?: number | undefined;
  /** Sent again on purpose with its id: a broker that deduplicates by id must not drop it. */
  readonly isRepeated?: true;
}

/** Where the broker stored a message; `partition` and `offset` are undefined if it has none. */
export interface PublishReceipt {
  readonly id: string;
  readonly topic: string;
  /** From 0; undefined where the broker has none. */
  readonly partition: number | undefined;
  readonly offset: string | undefined;
}

/** Header names of the wire format; `docs/wire-format.md` is the reference. */
export const WIRE_HEADERS = {
  id: 'message-id',
  type: 'message-type',
  contentType: 'content-type',
  /** The key, on a broker whose messages have none of their own. */
  key: 'message-key',
  /** `none` marks a message without a body (a tombstone), on a broker whose messages always have one. */
  body: 'message-body',
  /** Where replies to a request go, if the broker's own reply address cannot be used. */
  replyTo: 'message-reply-to',
  /** Identifies the request that a reply belongs to; on the request and on its replies. */
  correlationId: 'correlation-id',
  /**
   * On a request: how long its requester waits for a reply, in milliseconds after receipt. A duration, because clocks
   * differ.
   */
  replyTimeout: 'message-reply-timeout-ms',
  /**
   * On a reply, its kind: `value`, `last`, `end` or `error`. On a request, `first`: the requester takes only the first
   * reply.
   */
  reply: 'message-reply',
  /** On a reply: its index among the replies to one request, from 0. A broker without ordering may reorder them. */
  replyIndex: 'message-reply-index',
} as const;

/**
 * Headers of a dead letter. The list is closed; values that a foreign message carries under these names are dropped.
 */
export const DEAD_LETTER_HEADERS = {
  topic: 'dead-letter-topic',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  key: 'dead-letter-key',
  group: 'dead-letter-group',
  attempts: 'dead-letter-attempts',
  firstFailedAt: 'dead-letter-first-failed-at',
  lastFailedAt: 'dead-letter-last-failed-at',
  errorName: 'dead-letter-error-name',
  errorMessage: 'dead-letter-error-message',
  /**
   * Size of the original's body in bytes, on a dead letter that was stored without it because it exceeded the message
   * size limit.
   */
  omittedBytes: 'dead-letter-omitted-bytes',
} as const;

/**
 * Headers of a message that waits in a retry topic. The list is closed: handlers do not see them, and values that a
 * foreign message carries under these names are dropped when a copy is made.
 */
export const RETRY_HEADERS = {
  /** Not handled before this moment. ISO 8601, UTC, milliseconds. */
  dueAt: 'redeliver-due-at',
  /** Attempts so far, in all tiers. */
  attempts: 'redeliver-attempts',
  /** Separate from `message-id`, because a message with that header is read as one of ours. */
  id: 'redeliver-id',
  group: 'redeliver-group',
  topic: 'redeliver-topic',
  partition: 'redeliver-partition',
  offset: 'redeliver-offset',
  publishedAt: 'redeliver-published-at',
  firstFailedAt: 'redeliver-first-failed-at',
} as const;
