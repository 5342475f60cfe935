import {
  isMailbox,
  messageOf,
  TransportError,
  type BrokerHost,
  type ErrorCode,
  type SendResult,
} from '../contract/index.js';

/** A rejection that may pass, or concern one message only, is reported after no message was stored for this long. */
const LASTS_MS = 4_000;
/** Without a publish for this long, it is unknown whether the broker would still reject one. */
const FORGOTTEN_MS = 60_000;
/**
 * The same for health and a rejection that may pass, such as during a broker restart: by now another message would have
 * been rejected.
 */
const PASSED_MS = 10_000;
/** Maximum number of topics remembered, and of partitions per topic. */
const MOST = 1_000;

/**
 * Codes that concern one message or the end of the application: they say nothing about the next message of the topic.
 */
const OF_MESSAGE: ReadonlySet<ErrorCode> = new Set([
  'TRANSPORT_PARTITION_MISSING',
  'TRANSPORT_HEADER_INVALID',
  'TRANSPORT_KEY_INVALID',
  'TRANSPORT_PAYLOAD_INVALID',
  'TRANSPORT_PAYLOAD_UNENCODABLE',
  'TRANSPORT_BATCH_REJECTED',
  'TRANSPORT_CLOSED',
]);
/**
 * Codes that concern a topic and never a single message: one that will not pass is reported at the first occurrence.
 */
const OF_TOPIC: ReadonlySet<ErrorCode> = new Set([
  'TRANSPORT_AUTHORIZATION_FAILED',
  'TRANSPORT_AUTHENTICATION_FAILED',
  'TRANSPORT_TOPIC_MISSING',
]);

export interface TroublesPort {
  readonly host: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>;
  /** Whether the driver itself reports why nothing is stored: no connection, or an alarm. */
  isExplained(): boolean;
  /** What to check when messages wait long for their confirmation. */
  readonly advice: string | undefined;
}

/** A reply whose requester is gone is not the broker's fault. */
const isGoneRequester = (topic: string, { code }: TransportError): boolean =>
  code === 'TRANSPORT_TOPIC_MISSING' && isMailbox(topic);

interface Refusal {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly error: TransportError;
  readonly counts: boolean;
}

/** What is known about a topic that stores nothing, or not in all of its partitions. */
class TopicTrouble {
  /** By partition; undefined if the broker has none, or it is unknown. */
  readonly refusals = new Map<number | undefined, Refusal>();
  /** Start of a send that still has unconfirmed messages. */
  unansweredSinceMs: number | undefined;
  isReported = false;

  get isOver(): boolean {
    return this.refusals.size === 0 && this.unansweredSinceMs === undefined;
  }

  forgetBefore(ms: number): void {
    for (const [partition, { lastMs }] of this.refusals) if (lastMs < ms) this.refusals.delete(partition);
  }

  /** Returns the rejection that health currently names. */
  namedAt(nowMs: number): TransportError | undefined {
    for (const { counts, lastMs, error } of this.refusals.values()) {
      if (counts && !(error.retryable && nowMs - lastMs > PASSED_MS)) return error;
    }
    return undefined;
  }
}

/**
 * Remembers which topics the broker rejects or does not answer, until one of their messages is stored. Health names
 * them, and
 * `broker:warned` reports each once. Errors that concern a single message go only to its publisher.
 */
export class PublishTroubles {
  readonly #port: TroublesPort;
  readonly #topics = new Map<string, TopicTrouble>();

  constructor(port: TroublesPort) {
    this.#port = port;
  }

  get isAny(): boolean {
    return this.#topics.size > 0;
  }

  /** One sentence per topic. */
  get problems(): string[] {
    if (!this.isAny) return [];
    const nowMs = this.#nowMs;
    return [...this.#topics.keys()].flatMap((topic) => {
      const trouble = this.#troubleOf(topic, nowMs);
      if (trouble === undefined) return [];
      const refusal = trouble.namedAt(nowMs);
      if (refusal !== undefined) return [refusal.message];
      const sinceMs = trouble.unansweredSinceMs;
      return sinceMs === undefined ? [] : [this.#unansweredFor(topic, nowMs - sinceMs)];
    });
  }

  /**
   * Records the outcome of messages of one topic. On the hot path it allocates nothing and uses no map while all is
   * well.
   */
  note(topic: string, results: readonly (SendResult | undefined)[]): void {
    let isExplained: boolean | undefined;
    for (const result of results) {
      if (!(result instanceof TransportError)) {
        if (result !== undefined) this.stored(topic, result.partition);
      } else if (!OF_MESSAGE.has(result.code) && !isGoneRequester(topic, result)) {
        isExplained ??= this.#port.isExplained();
        this.#refused(topic, result, isExplained && result.retryable);
      }
    }
  }

  /** Records that a driver broke its contract and rejected instead of returning results. */
  failed(topic: string, cause: unknown): void {
    const text = `The driver failed to send messages for "${topic}": ${messageOf(cause)}.`;
    this.note(topic, [new TransportError('TRANSPORT_PUBLISH_UNKNOWN', text, { topic, retryable: true, cause })]);
  }

  /** Records that one message was stored. */
  stored(topic: string, partition: number | undefined): void {
    if (!this.isAny) return;
    const trouble = this.#topics.get(topic);
    if (trouble === undefined) return;
    if (partition === undefined) trouble.refusals.clear();
    else for (const place of [partition, undefined]) trouble.refusals.delete(place);
    this.#forgetIfOver(topic, trouble);
  }

  /** Records that messages of the topic have waited for their confirmation since then. */
  unanswered(topic: string, sinceMs: number): void {
    const trouble = this.#troubleOf(topic, this.#nowMs) ?? this.#remember(topic);
    trouble.unansweredSinceMs = sinceMs;
    this.#report(trouble, this.#unansweredFor(topic, this.#nowMs - sinceMs));
  }

  /** Records that they are confirmed. */
  answered(topic: string): void {
    const trouble = this.#topics.get(topic);
    if (trouble === undefined) return;
    trouble.unansweredSinceMs = undefined;
    this.#forgetIfOver(topic, trouble);
  }

  get #nowMs(): number {
    return this.#port.host.clock.monotonicMs();
  }

  /** @param isExplained if the problem can pass, it counts only after the driver's own problem is over */
  #refused(topic: string, error: TransportError, isExplained: boolean): void {
    const nowMs = this.#nowMs;
    const { partition } = error;
    const trouble = this.#troubleOf(topic, nowMs) ?? this.#remember(topic);
    const known = trouble.refusals.get(partition);
    if (isExplained) {
      if (known?.counts === false) trouble.refusals.delete(partition);
      return this.#forgetIfOver(topic, trouble);
    }
    if (known === undefined && trouble.refusals.size >= MOST) return;
    const sinceMs = known?.sinceMs ?? nowMs;
    const isCertain = OF_TOPIC.has(error.code) && !error.retryable;
    const lasts = trouble.unansweredSinceMs !== undefined || nowMs - sinceMs >= LASTS_MS;
    const counts = isCertain || lasts || known?.counts === true;
    trouble.refusals.set(partition, { sinceMs, lastMs: nowMs, error, counts });
    if (counts) this.#report(trouble, error.message);
  }

  /** Returns what is still known about it. */
  #troubleOf(topic: string, nowMs: number): TopicTrouble | undefined {
    const trouble = this.#topics.get(topic);
    if (trouble === undefined) return undefined;
    trouble.forgetBefore(nowMs - FORGOTTEN_MS);
    this.#forgetIfOver(topic, trouble);
    return trouble.isOver ? undefined : trouble;
  }

  /** Evicts the topic that has been known longest. */
  #remember(topic: string): TopicTrouble {
    const trouble = new TopicTrouble();
    const [oldest] = this.#topics.keys();
    if (this.#topics.size >= MOST && oldest !== undefined) this.#topics.delete(oldest);
    this.#topics.set(topic, trouble);
    return trouble;
  }

  #forgetIfOver(topic: string, trouble: TopicTrouble): void {
    if (trouble.isOver) this.#topics.delete(topic);
  }

  #report(trouble: TopicTrouble, warning: string): void {
    if (trouble.isReported) return;
    trouble.isReported = true;
    const { notices, broker } = this.#port.host;
    notices.emit('broker:warned', { broker, warning });
  }

  #unansweredFor(topic: string, forMs: number): string {
    const { advice } = this.#port;
    const text = `Messages for "${topic}" have waited ${Math.round(forMs / 1_000)} s for the broker's confirmation.`;
    return advice === undefined ? text : `${text} ${advice}`;
  }
}
