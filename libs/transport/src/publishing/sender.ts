import {
  TransportError,
  isTransportError,
  type OutgoingMessage,
  type Producer,
  type SendResult,
} from '../contract/index.js';

/** Sends messages so that each gets a result, whatever its neighbours and the driver do. */
export class Sender {
  readonly #producer: Producer;
  readonly #driver: string;

  constructor(producer: Producer, driver: string) {
    this.#producer = producer;
    this.#driver = driver;
  }

  /**
   * A result per message, in the order given. Where the broker refused a request because of one of its messages, the
   * others go again without it. Never rejects.
   */
  async send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const answered = await this.#request(messages);
    const refused = refusedForNeighbours(answered);
    if (refused === undefined) return answered;
    if (messages.length === 1) return [this.#refusedAlone(messages[0] as OutgoingMessage, answered[0])];
    const results = [...answered];
    const middle = Math.ceil(refused.length / 2);
    for (const part of [refused.slice(0, middle), refused.slice(middle)]) {
      if (part.length === 0) continue;
      const again = await this.send(part.map((index) => messages[index] as OutgoingMessage));
      part.forEach((index, position) => (results[index] = again[position] as SendResult));
    }
    return results;
  }

  async #request(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    try {
      const results = await this.#producer.send(messages);
      if (results.length === messages.length) return results;
      return messages.map((message, index) => results[index] ?? this.#unanswered(message));
    } catch (cause) {
      return messages.map((message) => this.#unanswered(message, cause));
    }
  }

  #refusedAlone({ topic, id }: OutgoingMessage, cause: unknown): TransportError {
    return new TransportError(
      'TRANSPORT_PUBLISH_FAILED',
      `[${this.#driver}] message ${id} for "${topic}" was refused by the broker, sent alone too.`,
      { driver: this.#driver, topic, stored: 'no', cause },
    );
  }

  /** A driver that breaks its contract must not cost a message: what it did not confirm counts as unknown. */
  #unanswered({ topic, id }: OutgoingMessage, cause?: unknown): TransportError {
    return new TransportError(
      'TRANSPORT_PUBLISH_UNKNOWN',
      `[${this.#driver}] the driver gave no result for message ${id} to "${topic}".`,
      { driver: this.#driver, topic, stored: 'unknown', retryable: true, cause },
    );
  }
}

/** Where the results are that blame somebody else's message; n.b. on the hot path it allocates nothing. */
function refusedForNeighbours(results: readonly SendResult[]): number[] | undefined {
  let refused: number[] | undefined;
  for (let index = 0; index < results.length; index++) {
    if (isTransportError(results[index], 'TRANSPORT_NEIGHBOUR_REFUSED')) (refused ??= []).push(index);
  }
  return refused;
}
