/**
 * Headers as users see them: text by lower-case name.
 * A header that a foreign program repeated shows its last value; the bytes are under `raw`.
 */
export type Headers = Readonly<Record<string, string>>;

/** Headers whose bytes are not valid UTF-8, by lower-case name. */
export type RawHeaders = Readonly<Record<string, Buffer>>;

/** A message on its way out: checked, encoded and named, ready for any driver. */
export interface OutgoingMessage {
  readonly topic: string;
  /** Messages with the same key keep their order. */
  readonly key: string | undefined;
  /** The key's bytes where they are not valid UTF-8; `key` is then only what can be shown of them. A driver that can write bytes writes these. */
  readonly rawKey?: Buffer | undefined;
  /** The encoded payload; `null` is a Kafka tombstone. */
  readonly body: Buffer | null;
  /** Everything that travels beside the body, `message-id` included; undefined when nothing does. */
  readonly headers: Headers | undefined;
  /** The bytes of those headers that are not valid UTF-8. A driver that can write bytes writes these instead of the text. */
  readonly rawHeaders?: RawHeaders | undefined;
  /** UUID v7 unless the caller gave another; the same id marks the same message on every broker. */
  readonly id: string;
  /** A partition asked for by name; undefined lets the driver choose by key, or in turn. */
  readonly partition: number | undefined;
  /** Not to be delivered before this moment, in milliseconds since the epoch; left out: at once. */
  readonly deliverAtMs?: number | undefined;
  /** Sent again on purpose, with its id: a broker that recognises ids must not take it for a duplicate. */
  readonly isRepeated?: true;
}

/** Where the broker stored a message; `partition` and `offset` are undefined where it has none. */
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
  /** The key, where a broker's messages have none of their own. */
  key: 'message-key',
  /** `none` marks a message without a body (a tombstone), where a broker's bodies may be empty but not absent. */
  body: 'message-body',
  /** Where the answer to a request goes, where a broker's own address for it cannot be used. */
  replyTo: 'message-reply-to',
  /** Which request an answer belongs to; on a request and on its answers alike. */
  correlationId: 'correlation-id',
  /** On a request: how long its requester waits for an answer, in milliseconds from its receipt. A duration, because clocks differ. */
  replyTimeout: 'message-reply-timeout-ms',
  /** On an answer, its kind: `value`, `last`, `end` or `error`. On a request, `first`: the requester takes only the first answer. */
  reply: 'message-reply',
  /** On an answer: its place among the answers to one request, from 0. A broker without order may deliver them in another. */
  replyIndex: 'message-reply-index',
} as const;

/** Headers of a dead letter; the list is closed, and what a foreign message carries under these names is dropped. */
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
  /** Bytes of the original's body, on a dead letter that was stored without it because both did not fit into one message. */
  omittedBytes: 'dead-letter-omitted-bytes',
} as const;

/**
 * Headers of a message that waits in a retry topic. The list is closed: the handler is not shown them, and what a foreign message
 * carries under these names is dropped where a copy is made.
 */
export const RETRY_HEADERS = {
  /** Not to be handled before this moment. ISO 8601, UTC, milliseconds. */
  dueAt: 'redeliver-due-at',
  /** Attempts so far, over all tiers. */
  attempts: 'redeliver-attempts',
  /** n.b. beside `message-id`, because a message that has that one is read as one of ours. */
  id: 'redeliver-id',
  group: 'redeliver-group',
  topic: 'redeliver-topic',
  partition: 'redeliver-partition',
  offset: 'redeliver-offset',
  publishedAt: 'redeliver-published-at',
  firstFailedAt: 'redeliver-first-failed-at',
} as const;
