import {
  DEAD_LETTER_HEADERS,
  WIRE_HEADERS,
  TransportError,
  explanationOf,
  isTransportError,
  MAX_EXPLANATION_LENGTH,
  nameOf,
  nameOfPattern,
  sizeAtMost,
  type Delivery,
  type Headers,
  type OutgoingMessage,
  type Producer,
  type SendResult,
} from '../../contract/index.js';
import type { FailureRecord } from '../runner/failure-log.js';

const LAST_WORD = '.dead-letter';

/** Where a subscription's dead letters go when it does not say; a pattern's name is made one that can be published to. */
export function defaultDeadLetterTopic(topic: string, group: string): string {
  return `${nameOfPattern(topic)}.${group}${LAST_WORD}`;
}

export const isDeadLetterTopic = (topic: string): boolean => topic.endsWith(LAST_WORD);

const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));

/** The copy that goes to the dead-letter topic: the same id, key, body and headers, and why it is there. */
export function deadLetterOf(delivery: Delivery, deadLetterTopic: string, failure: FailureRecord): OutgoingMessage {
  return {
    topic: deadLetterTopic,
    key: delivery.key,
    rawKey: delivery.rawKey,
    body: delivery.body,
    headers: { ...foreignHeaders(delivery.headers), ...failureHeaders(delivery, failure) },
    rawHeaders: delivery.rawHeaders === undefined ? undefined : foreignHeaders(delivery.rawHeaders),
    id: delivery.id,
    partition: undefined,
  };
}

/** n.b. ours are dropped from what came in: an old or forged one must not speak for this failure. */
function foreignHeaders<Value>(headers: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name)));
}

function failureHeaders(delivery: Delivery, failure: FailureRecord): Headers {
  const { error } = failure;
  const values: Record<string, string | undefined> = {
    [WIRE_HEADERS.id]: delivery.id,
    [DEAD_LETTER_HEADERS.topic]: delivery.topic,
    [DEAD_LETTER_HEADERS.partition]: delivery.partition?.toString(),
    [DEAD_LETTER_HEADERS.offset]: delivery.offset,
    [DEAD_LETTER_HEADERS.key]: delivery.key === undefined ? undefined : oneLine(delivery.key),
    [DEAD_LETTER_HEADERS.group]: delivery.group,
    [DEAD_LETTER_HEADERS.attempts]: String(delivery.attempt),
    [DEAD_LETTER_HEADERS.firstFailedAt]: new Date(failure.firstFailedAt).toISOString(),
    [DEAD_LETTER_HEADERS.lastFailedAt]: new Date(failure.lastFailedAt).toISOString(),
    [DEAD_LETTER_HEADERS.errorName]: oneLine(nameOf(error)),
    [DEAD_LETTER_HEADERS.errorMessage]: oneLine(explanationOf(error)),
  };
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Some brokers write headers as lines of text, so control characters are taken out. */
function oneLine(text: string): string {
  return text.slice(0, MAX_EXPLANATION_LENGTH).replace(/[\u0000-\u001f\u007f]+/g, ' ');
}

/**
 * The last resort for a letter that is larger than its topic accepts: without the body, and without the original's own headers. It says
 * where the original is and why it failed.
 */
export function withoutContent(letter: OutgoingMessage): OutgoingMessage {
  const { key, rawKey, body, headers = {} } = letter;
  const own = Object.entries(headers).filter(([name]) => OWN_HEADERS.has(name) || name === WIRE_HEADERS.id);
  const omitted = { [DEAD_LETTER_HEADERS.omittedBytes]: String(body?.length ?? 0) };
  const shortKey = key === undefined || key.length > MAX_EXPLANATION_LENGTH ? undefined : key;
  return {
    ...letter,
    key: shortKey,
    rawKey: shortKey === undefined ? undefined : rawKey,
    body: Buffer.alloc(0),
    headers: { ...Object.fromEntries(own), ...omitted },
    rawHeaders: undefined,
  };
}

interface Waiting {
  readonly message: OutgoingMessage;
  readonly resolve: (result: SendResult) => void;
}

/**
 * Stores copies, one request at a time for each topic; those that come meanwhile leave together in the next one, so a flood of
 * poison costs a request per batch and not per message, and a topic that does not answer delays only its own copies.
 */
export class DeadLetters {
  readonly #producer: Producer;
  /** Of each topic with a request under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  /**
   * Resolves when the broker has stored the copy, or with the reason why it has not. Never rejects. What is above the limit for publishes
   * is sent all the same: many brokers accept more, and a whole letter is worth the try.
   */
  store(message: OutgoingMessage): Promise<SendResult> {
    return new Promise((resolve) => {
      const underWay = this.#waiting.get(message.topic);
      if (underWay !== undefined) return void underWay.push({ message, resolve });
      this.#waiting.set(message.topic, [{ message, resolve }]);
      void this.#sendAll(message.topic);
    });
  }

  async #sendAll(topic: string): Promise<void> {
    const waiting = this.#waiting.get(topic) ?? [];
    while (waiting.length > 0) {
      const batch = waiting.splice(0, this.#fitting(waiting));
      const results = await this.#send(batch.map(({ message }) => message));
      batch.forEach(({ resolve }, index) => resolve(results[index] ?? missingResult()));
    }
    this.#waiting.delete(topic);
  }

  /** How many of the first fit into one request; at least one. */
  #fitting(waiting: readonly Waiting[]): number {
    let bytes = 0;
    const tooMany = waiting.findIndex(({ message }, index) => {
      bytes += sizeAtMost(message);
      return index > 0 && bytes > this.#producer.maxRequestBytes;
    });
    return tooMany === -1 ? waiting.length : tooMany;
  }

  async #send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const results = [...(await this.#request(messages))];
    for (const [index, message] of messages.entries()) {
      if (messages.length > 1 && isTransportError(results[index], 'TRANSPORT_BATCH_REJECTED')) {
        results[index] = (await this.#request([message]))[0] ?? missingResult();
      }
    }
    return results;
  }

  async #request(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    try {
      return await this.#producer.send(messages);
    } catch (cause) {
      return messages.map(() => missingResult(cause));
    }
  }
}

/** A driver that breaks its contract must not cost a message: what it did not confirm counts as unknown. */
function missingResult(cause?: unknown): TransportError {
  const message = 'The driver gave no result for a dead letter.';
  return new TransportError('TRANSPORT_PUBLISH_UNKNOWN', message, { stored: 'unknown', retryable: true, cause });
}
