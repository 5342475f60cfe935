import type { OutgoingMessage, Producer, SendResult, SendWindow } from '../contract/index.js';

/**
 * Everything that leaves an application through one connection: publishes, dead letters, retry copies, replies, requests
 * and replays. The sends of one topic run one after the other, in the order of the calls, whoever makes them; a topic that
 * does not answer delays no other (docs/adr/0031-one-ordered-path-per-topic.md).
 */
export class OrderedProducer implements Producer {
  readonly #producer: Producer;
  /** The end of the newest send of each topic that has one under way. */
  readonly #newest = new Map<string, Promise<void>>();

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  get maxBytes(): number {
    return this.#producer.maxBytes;
  }

  get maxRequestBytes(): number {
    return this.#producer.maxRequestBytes;
  }

  get obstacle(): string | undefined {
    return this.#producer.obstacle;
  }

  check(message: OutgoingMessage): void {
    this.#producer.check(message);
  }

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const topic = messages[0]?.topic;
    if (topic === undefined) return Promise.resolve([]);
    return messages.every((message) => message.topic === topic)
      ? this.#sendInTurn(topic, messages, window)
      : this.#sendByTopic(messages, window);
  }

  #sendInTurn(
    topic: string,
    messages: readonly OutgoingMessage[],
    window: SendWindow | undefined,
  ): Promise<readonly SendResult[]> {
    const before = this.#newest.get(topic);
    const sent =
      before === undefined
        ? this.#producer.send(messages, window)
        : before.then(() => this.#producer.send(messages, window));
    const end = (): void => {
      if (this.#newest.get(topic) === ended) this.#newest.delete(topic);
    };
    const ended: Promise<void> = sent.then(end, end);
    this.#newest.set(topic, ended);
    return sent;
  }

  async #sendByTopic(
    messages: readonly OutgoingMessage[],
    window: SendWindow | undefined,
  ): Promise<readonly SendResult[]> {
    const results: SendResult[] = [];
    const sendTopic = async (indexes: readonly number[], topic: string): Promise<void> => {
      const answered = await this.#sendInTurn(
        topic,
        indexes.map((index) => messages[index] as OutgoingMessage),
        window && reportingOnly(window, indexes),
      );
      indexes.forEach((index, position) => (results[index] = answered[position] as SendResult));
    };
    await Promise.all([...indexesByTopic(messages)].map(([topic, indexes]) => sendTopic(indexes, topic)));
    return results;
  }
}

/** Of one topic among several: which messages come next is no longer the same for all. */
const reportingOnly = (window: SendWindow, indexes: readonly number[]): SendWindow => ({
  stored: (position, receipt) => window.stored(indexes[position] as number, receipt),
  next: () => [],
});

function indexesByTopic(messages: readonly OutgoingMessage[]): Map<string, number[]> {
  const indexes = new Map<string, number[]>();
  messages.forEach(({ topic }, index) => {
    const known = indexes.get(topic);
    if (known === undefined) indexes.set(topic, [index]);
    else known.push(index);
  });
  return indexes;
}
