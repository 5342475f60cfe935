import {
  TransportError,
  isTransportError,
  type Clock,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
} from '../contract/index.js';
import { Backlog, type Caller } from './backlog.js';

export interface CoalescerSettings {
  readonly driver: string;
  readonly publishTimeoutMs: number;
  readonly clock: Clock;
  /** Told once per request that failed, with the first error and how many messages it hit. */
  readonly onFailure: (topic: string, messages: number, error: TransportError) => void;
  /** Told when room became free: a request ended, or messages were given up. */
  readonly onRoom: () => void;
}

/**
 * Gathers what is published while a request is under way and sends it together in the next one. When nothing is under
 * way, a message leaves in the next microtask, together with its neighbours of the same turn.
 *
 * One request at a time: that keeps the order of messages, and costs nothing, because the broker shares the same wire
 * (docs/adr/0007-one-request-in-flight.md).
 */
export class Coalescer {
  readonly #producer: Producer;
  readonly #settings: CoalescerSettings;
  readonly #backlog = new Backlog();
  /** Callers of the request under way; empty when there is none. */
  #inFlight: readonly Caller[] = [];
  #outstandingBytes = 0;
  #flushScheduled = false;
  #sending = false;
  #callOffSweep: (() => void) | undefined;

  constructor(producer: Producer, settings: CoalescerSettings) {
    this.#producer = producer;
    this.#settings = settings;
  }

  /** Messages accepted and not yet answered. */
  get outstanding(): number {
    return this.#backlog.size + this.#inFlight.length;
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  /**
   * Resolves on the broker's confirmation.
   * @param bytes the message's size, or a little more
   * @param since when its publish began, on the monotonic clock
   */
  publish(message: OutgoingMessage, bytes: number, since: number): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => {
      this.#outstandingBytes += bytes;
      this.#backlog.add({ message, bytes, resolve, reject, since });
      this.#scheduleFlush();
    });
  }

  /** Resolves when everything published so far is answered. */
  async flush(): Promise<void> {
    await this.#backlog.passed(this.#inFlight.length);
  }

  /** Refuses what has not been sent; what is under way ends by itself. */
  abandon(): void {
    const { driver } = this.#settings;
    this.#giveUp(
      this.#backlog.takeAll(),
      ({ message: { topic } }) =>
        new TransportError(
          'TRANSPORT_CLOSED',
          `[${driver}] a message for "${topic}" was not sent before the transport closed.`,
          { driver, topic, stored: 'no' },
        ),
    );
  }

  #scheduleFlush(): void {
    this.#callOffSweep ??= this.#settings.clock.schedule(this.#settings.publishTimeoutMs, () => this.#sweep());
    if (this.#flushScheduled || this.#sending) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#backlog.size > 0) {
      this.#inFlight = this.#backlog.take(this.#producer.maxRequestBytes);
      const results = await this.#send(this.#inFlight.map(({ message }) => message));
      this.#answer(this.#inFlight, results);
      this.#forgetBytes(this.#inFlight);
      this.#inFlight = [];
      this.#backlog.requestEnded();
      this.#settings.onRoom();
    }
    this.#sending = false;
    this.#callOffSweep?.();
    this.#callOffSweep = undefined;
  }

  /** One request; where the broker refused it because of one of its messages, the others go again without that one. */
  async #send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const answered = await this.#request(messages);
    const refused = refusedForNeighbours(answered);
    if (refused === undefined) return answered;
    if (messages.length === 1) return [this.#refusedAlone(messages[0] as OutgoingMessage, answered[0])];
    const results = [...answered];
    const middle = Math.ceil(refused.length / 2);
    for (const part of [refused.slice(0, middle), refused.slice(middle)]) {
      if (part.length === 0) continue;
      const again = await this.#send(part.map((index) => messages[index] as OutgoingMessage));
      part.forEach((index, position) => (results[index] = again[position] as SendResult));
    }
    return results;
  }

  async #request(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    try {
      return await this.#producer.send(messages);
    } catch (cause) {
      return messages.map((message) => this.#unanswered(message, cause));
    }
  }

  #answer(callers: readonly Caller[], results: readonly SendResult[]): void {
    let failed = 0;
    let first: TransportError | undefined;
    for (let index = 0; index < callers.length; index++) {
      const caller = callers[index] as Caller;
      const result = results[index] ?? this.#unanswered(caller.message);
      if (result instanceof TransportError) {
        failed++;
        first ??= result;
        caller.reject(result);
      } else caller.resolve(result);
    }
    if (first !== undefined)
      this.#settings.onFailure(first.topic ?? (callers[0] as Caller).message.topic, failed, first);
  }

  #giveUp(callers: readonly Caller[], errorOf: (caller: Caller) => TransportError): void {
    if (callers.length === 0) return;
    this.#forgetBytes(callers);
    this.#answer(callers, callers.map(errorOf));
    this.#settings.onRoom();
  }

  #forgetBytes(callers: readonly Caller[]): void {
    for (const { bytes } of callers) this.#outstandingBytes -= bytes;
  }

  /** Tells those who waited too long; what is under way may still be stored, what is in the queue never was. */
  #sweep(): void {
    const { clock, publishTimeoutMs } = this.#settings;
    const oldest = clock.monotonicMs() - publishTimeoutMs;
    this.#giveUp(this.#backlog.takeOlderThan(oldest), ({ message }) => this.#timedOut(message, 'no'));
    const late = this.#inFlight.filter(({ since }) => since <= oldest);
    this.#answer(
      late,
      late.map(({ message }) => this.#timedOut(message, 'unknown')),
    );
    const next = this.#backlog.oldest ?? this.#inFlight.find(({ since }) => since > oldest)?.since;
    const inMs = next === undefined ? publishTimeoutMs : Math.max(1, next - oldest);
    this.#callOffSweep = this.outstanding === 0 ? undefined : clock.schedule(inMs, () => this.#sweep());
  }

  #timedOut({ topic, id }: OutgoingMessage, stored: 'no' | 'unknown'): TransportError {
    const { driver, publishTimeoutMs } = this.#settings;
    const what = stored === 'no' ? 'it was not sent' : 'it may have been stored all the same';
    return new TransportError(
      'TRANSPORT_PUBLISH_TIMEOUT',
      `[${driver}] message ${id} for "${topic}" was not confirmed within ${publishTimeoutMs} ms (publishTimeoutMs); ${what}.`,
      { driver, topic, stored, retryable: true },
    );
  }

  #refusedAlone({ topic, id }: OutgoingMessage, cause: unknown): TransportError {
    const { driver } = this.#settings;
    return new TransportError(
      'TRANSPORT_PUBLISH_FAILED',
      `[${driver}] message ${id} for "${topic}" was refused by the broker, sent alone too.`,
      { driver, topic, stored: 'no', cause },
    );
  }

  #unanswered({ topic, id }: OutgoingMessage, cause?: unknown): TransportError {
    const { driver } = this.#settings;
    return new TransportError(
      'TRANSPORT_PUBLISH_UNKNOWN',
      `[${driver}] the driver gave no result for message ${id} to "${topic}".`,
      { driver, topic, stored: 'unknown', retryable: true, cause },
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
