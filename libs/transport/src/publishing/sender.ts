import {
  TransportError,
  isTransportError,
  type OutgoingMessage,
  type Producer,
  type SendResult,
  type SendWindow,
} from '../contract/index.js';

/** Sends messages so that each gets a result, whatever happens to other messages or in the driver. */
export class Sender {
  readonly #producer: Producer;
  readonly #driver: string;

  constructor(producer: Producer, driver: string) {
    this.#producer = producer;
    this.#driver = driver;
  }

  /**
   * Returns one result per message, in the given order. If the broker rejected a request because of one message, the
   * others are sent again without it. Never rejects.
   * @param window lets the first request grow; the results of added messages follow
   */
  async send(given: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const messages = [...given];
    const answered = await this.#request(given, messages, window && recording(window, messages));
    const refused = refusedForNeighbours(answered);
    if (refused === undefined) return answered;
    if (messages.length === 1) return [this.#refusedAlone(messages[0] as OutgoingMessage, answered[0])];
    const results = [...answered];
    const middle = Math.ceil(refused.length / 2);
    await this.#sendPart(refused.slice(0, middle), messages, results);
    await this.#sendPart(withoutBlocked(refused.slice(middle), messages, results), messages, results);
    return results;
  }

  async #sendPart(part: readonly number[], messages: readonly OutgoingMessage[], results: SendResult[]): Promise<void> {
    if (part.length === 0) return;
    const again = await this.send(part.map((index) => messages[index] as OutgoingMessage));
    part.forEach((index, position) => (results[index] = again[position] as SendResult));
  }

  /** @param messages the given messages, followed by those taken from the window */
  async #request(
    given: readonly OutgoingMessage[],
    messages: readonly OutgoingMessage[],
    window: SendWindow | undefined,
  ): Promise<readonly SendResult[]> {
    try {
      const results = await this.#producer.send(given, window);
      if (results.length === messages.length) return results;
      return messages.map((message, index) => results[index] ?? this.#unanswered(message));
    } catch (cause) {
      return messages.map((message) => this.#unanswered(message, cause));
    }
  }

  #refusedAlone({ topic, id }: OutgoingMessage, cause: unknown): TransportError {
    return new TransportError(
      'TRANSPORT_PUBLISH_FAILED',
      `[${this.#driver}] the broker rejected message ${id} for "${topic}", even when sent alone.`,
      { driver: this.#driver, topic, stored: 'no', cause },
    );
  }

  /** A driver that breaks its contract must not lose a message: what it did not confirm counts as unknown. */
  #unanswered({ topic, id }: OutgoingMessage, cause?: unknown): TransportError {
    return new TransportError(
      'TRANSPORT_PUBLISH_UNKNOWN',
      `[${this.#driver}] the driver returned no result for message ${id} to "${topic}".`,
      { driver: this.#driver, topic, stored: 'unknown', retryable: true, cause },
    );
  }
}

/** Wraps a window: adds what the driver takes to `messages` and releases what is stored. */
const recording = (window: SendWindow, messages: OutgoingMessage[]): SendWindow => ({
  stored: (index, receipt) => {
    window.stored(index, receipt);
    messages[index] = STORED;
  },
  next: (limit, isLate) => {
    const taken = window.next(limit, isLate);
    for (const message of taken) messages.push(message);
    return taken;
  },
});

/** Placeholder for a message that is stored and will not be sent again. */
const STORED: OutgoingMessage = {
  topic: '',
  id: '',
  key: undefined,
  body: null,
  headers: {},
  partition: undefined,
};

/**
 * Removes messages that must not overtake a message that will be sent again; they get the same result unsent. It
 * compares topics, because only the driver knows which messages share a partition.
 */
function withoutBlocked(
  part: readonly number[],
  messages: readonly OutgoingMessage[],
  results: SendResult[],
): number[] {
  const blocked = new Map<string, TransportError>();
  results.forEach((result, index) => {
    if (isWorthAnotherTry(result)) blocked.set((messages[index] as OutgoingMessage).topic, result);
  });
  return part.filter((index) => {
    const error = blocked.get((messages[index] as OutgoingMessage).topic);
    if (error !== undefined) results[index] = error;
    return error === undefined;
  });
}

/**
 * Whether a message was certainly not stored and a retry may succeed. A missing topic is not retried, although it could
 * be created in the meantime: most often its name is wrong.
 */
export function isWorthAnotherTry(result: SendResult | undefined): result is TransportError {
  if (!(result instanceof TransportError) || !result.retryable || result.stored !== 'no') return false;
  return result.code === 'TRANSPORT_BROKER_UNREACHABLE' || result.code === 'TRANSPORT_PUBLISH_FAILED';
}

/** Returns the indexes of results that blame another message. Allocates nothing on the hot path. */
function refusedForNeighbours(results: readonly SendResult[]): number[] | undefined {
  let refused: number[] | undefined;
  for (let index = 0; index < results.length; index++) {
    if (isTransportError(results[index], 'TRANSPORT_BATCH_REJECTED')) (refused ??= []).push(index);
  }
  return refused;
}
