import {
  TransportError,
  type Clock,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type Reply,
  type Requester,
  type SendResult,
} from '../../contract/index.js';
import type { MemoryRecord } from './mapping.js';
import type { MemoryStore } from './store.js';

/** Publishes messages to the memory broker, which stores them at once. */
export class MemoryProducer implements Producer, Requester {
  readonly maxBytes: number;
  readonly maxRequestBytes = Number.MAX_SAFE_INTEGER;
  readonly #store: MemoryStore;
  readonly #clock: Clock;
  #closed = false;

  constructor(store: MemoryStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.maxBytes = store.options.maxMessageBytes;
  }

  check(message: OutgoingMessage): void {
    const { topic, partition } = message;
    const { partitions } = this.#store.topic(topic);
    if (partition === undefined || (Number.isInteger(partition) && partition >= 0 && partition < partitions)) return;
    throw new TransportError(
      'TRANSPORT_PARTITION_MISSING',
      `[memory] topic "${topic}" has partitions 0 to ${partitions - 1}, but the message names partition ${partition}.`,
      { driver: 'memory', topic, stored: 'no' },
    );
  }

  /**
   * Resolves in a later turn of the event loop, as a broker behind a socket does. A publisher in a loop would otherwise starve
   * deliveries, timers and sockets.
   */
  send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    if (this.#closed) return Promise.resolve(messages.map(({ topic }) => refuseClosed(topic)));
    const storedAt = this.#clock.now();
    const receipts = messages.map((message) => this.#append(message, storedAt));
    return new Promise((resolve) => setImmediate(resolve, receipts));
  }

  /** Stores a message, or schedules a delayed one. The broker owns delayed messages, so they arrive even after this connection is closed. */
  #append(message: OutgoingMessage, storedAt: number): PublishReceipt {
    const topic = this.#store.topic(message.topic);
    const dueAt = message.deliverAtMs ?? 0;
    if (dueAt <= storedAt) return receiptOf(topic.append(message, storedAt));
    this.#store.waiting.add(dueAt, () => void topic.append(message, dueAt));
    return { id: message.id, topic: message.topic, partition: undefined, offset: undefined };
  }

  request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void> {
    if (this.#closed) return Promise.reject(refuseClosed(message.topic));
    const leaving = new AbortController();
    const tell = (reply: Reply): void => {
      if (!leaving.signal.aborted) onReply(reply);
    };
    this.#store.topic(message.topic).append(message, this.#clock.now(), tell, leaving.signal);
    return Promise.resolve(() => leaving.abort());
  }

  /** Rejects all later messages, because a message that is sent after the close must not look stored. */
  close(): void {
    this.#closed = true;
  }
}

function refuseClosed(topic: string): TransportError {
  return new TransportError('TRANSPORT_CLOSED', `[memory] cannot publish to "${topic}": the connection is closed.`, {
    driver: 'memory',
    topic,
    stored: 'no',
  });
}

function receiptOf({ message, partition, offset }: MemoryRecord): PublishReceipt {
  return { id: message.id, topic: message.topic, partition, offset: String(offset) };
}
