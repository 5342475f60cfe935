import { TransportError, type BrokerHost, type ErrorCode, type SendResult } from '../../contract/index.js';
import type { Entry } from './send-run.js';

/** A refusal that may pass is worth saying when it has lasted this long. */
const PASSING_MS = 4_000;
/** A request without an answer for so long is worth saying. */
const UNANSWERED_MS = 5_000;
/** Nobody has published since: whether the broker would refuse it still is not known. */
const FORGOTTEN_MS = 60_000;
/** The same for a refusal that may pass, such as that of a broker that was restarted: another message would have been refused by now. */
const PASSED_MS = 10_000;

/** What the broker says of a topic, and not of one message. */
const OF_TOPIC: ReadonlySet<ErrorCode> = new Set([
  'TRANSPORT_AUTHORIZATION_FAILED',
  'TRANSPORT_TOPIC_MISSING',
  // n.b. the driver itself refuses what is above maxMessageBytes: the topic takes less.
  'TRANSPORT_MESSAGE_TOO_LARGE',
  'TRANSPORT_BROKER_UNREACHABLE',
  'TRANSPORT_PUBLISH_FAILED',
  'TRANSPORT_PUBLISH_UNKNOWN',
]);

interface Trouble {
  readonly topic: string;
  readonly sinceMs: number;
  lastMs: number;
  error: TransportError;
  isReported: boolean;
}

interface Open {
  readonly topics: ReadonlySet<string>;
  readonly sinceMs: number;
}

/**
 * Remembers what the brokers refuse or do not answer, by partition, until one of its messages is stored: health names it, and
 * `broker:warned` says so once.
 */
export class PublishTroubles {
  readonly #host: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>;
  readonly #troubles = new Map<string, Trouble>();
  readonly #open = new Set<Open>();

  constructor(host: Pick<BrokerHost, 'clock' | 'notices' | 'broker'>) {
    this.#host = host;
  }

  /** One sentence per topic. */
  get problems(): string[] {
    const nowMs = this.#host.clock.monotonicMs();
    const refused = new Map<string, string>();
    for (const [place, trouble] of this.#troubles) {
      if (nowMs - trouble.lastMs > forgottenAfterMs(trouble)) this.#troubles.delete(place);
      else if (trouble.isReported) refused.set(trouble.topic, trouble.error.message);
    }
    for (const { topics, sinceMs } of this.#open) {
      if (nowMs - sinceMs < UNANSWERED_MS) continue;
      for (const topic of topics) if (!refused.has(topic)) refused.set(topic, unanswered(topic, nowMs - sinceMs));
    }
    return [...refused.values()];
  }

  /** A request goes out; the returned function is called with its end. */
  started(topics: ReadonlySet<string>): () => void {
    const open = { topics, sinceMs: this.#host.clock.monotonicMs() };
    this.#open.add(open);
    return () => this.#open.delete(open);
  }

  /** What became of these entries. n.b. hot path: nothing is allocated while all is well. */
  note(entries: readonly Entry[], results: readonly SendResult[]): void {
    for (const entry of entries) {
      const result = results[entry.index];
      if (!(result instanceof TransportError)) this.#stored(entry);
      else if (isOfTopic(result)) this.#refused(entry, result);
    }
  }

  #stored(entry: Entry): void {
    if (this.#troubles.size > 0) this.#troubles.delete(placeOf(entry));
  }

  #refused(entry: Entry, error: TransportError): void {
    const { topic } = entry.message;
    const nowMs = this.#host.clock.monotonicMs();
    const place = placeOf(entry);
    const trouble = this.#troubles.get(place) ?? { topic, sinceMs: nowMs, lastMs: nowMs, error, isReported: false };
    this.#troubles.set(place, Object.assign(trouble, { lastMs: nowMs, error }));
    if (trouble.isReported || (error.retryable && nowMs - trouble.sinceMs < PASSING_MS)) return;
    const isKnown = [...this.#troubles.values()].some((other) => other.topic === topic && other.isReported);
    trouble.isReported = true;
    const { notices, broker } = this.#host;
    if (!isKnown) notices.emit('broker:warned', { broker, warning: error.message });
  }
}

/** n.b. a refusal that will not pass and has no name of its own is about the message: no key on a compacted topic, for one. */
const isOfTopic = ({ code, retryable }: TransportError): boolean =>
  OF_TOPIC.has(code) && (retryable || code !== 'TRANSPORT_PUBLISH_FAILED');

const forgottenAfterMs = ({ error }: Trouble): number => (error.retryable ? PASSED_MS : FORGOTTEN_MS);

const placeOf = ({ message, record }: Entry): string => `${message.topic}/${record.partition ?? ''}`;

const unanswered = (topic: string, forMs: number): string =>
  `Messages for "${topic}" have waited ${Math.round(forMs / 1_000)} s for the answer of a broker.`;
