import {
  TransportError,
  type Clock,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
  type SendWindow,
} from '../contract/index.js';
import { Backlog, MAX_REQUEST_MESSAGES, type Caller } from './backlog.js';
import type { Room } from './room.js';
import { isWorthAnotherTry, Sender } from './sender.js';

export interface CoalescerSettings {
  readonly driver: string;
  readonly publishTimeoutMs: number;
  readonly clock: Clock;
  /** Called once per failed request, with the first error and the number of messages that failed. */
  readonly onFailure: (topic: string, messages: number, error: TransportError) => void;
  /** Called when room becomes free: a request ended, or messages were given up. */
  readonly onRoom: () => void;
  /** What all topics of the publisher hold together. */
  readonly room: Room;
}

/**
 * Publishes the messages of one topic. It collects what is published while a request is under way and sends it together
 * in the next one. When no request is under way, a message leaves in the next microtask, together with others of the
 * same turn.
 *
 * One request at a time keeps the order of messages (docs/adr/0007-one-request-in-flight.md). A driver whose broker
 * confirms message by message can grow a request while it is under way (docs/adr/0031-one-ordered-path-per-topic.md).
 */
export class Coalescer {
  readonly #producer: Producer;
  readonly #sender: Sender;
  readonly #settings: CoalescerSettings;
  readonly #backlog = new Backlog();
  /** Callers of the request under way; empty if there is none. */
  #inFlight: readonly Caller[] = [];
  /** Number of messages of the request under way that are already stored and no longer count. */
  #storedEarly = 0;
  /** Callers whose message was rejected for now; they go first in the next request. */
  #refused: readonly Caller[] = [];
  #outstandingBytes = 0;
  #flushScheduled = false;
  #sending = false;
  #callOffSweep: (() => void) | undefined;
  /** Ends the pause before a rejected request is sent again; undefined while a request is under way. */
  #endPause: (() => void) | undefined;
  #lastRefusal: TransportError | undefined;
  #abandoned = false;

  constructor(producer: Producer, settings: CoalescerSettings) {
    this.#producer = producer;
    this.#sender = new Sender(producer, settings.driver);
    this.#settings = settings;
  }

  /** Number of messages accepted and not yet answered. */
  get outstanding(): number {
    return this.#backlog.size + this.#open;
  }

  get #open(): number {
    return this.#inFlight.length - this.#storedEarly + this.#refused.length;
  }

  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  /**
   * Resolves on the broker's confirmation.
   * @param bytes an upper bound of the message's size
   * @param since when its publish started, on the monotonic clock
   */
  publish(message: OutgoingMessage, bytes: number, since: number): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => {
      this.#outstandingBytes += bytes;
      this.#settings.room.take(bytes);
      this.#backlog.add({ message, bytes, resolve, reject, since, isAnswered: false, isReleased: false });
      this.#scheduleFlush();
    });
  }

  /** Resolves when everything published so far is answered. */
  async flush(): Promise<void> {
    await this.#backlog.passed(this.#open);
  }

  /** Rejects what has not been sent; a request under way ends by itself. */
  abandon(): void {
    this.#abandoned = true;
    const waiting = [...this.#refused, ...this.#backlog.takeAll()];
    this.#refused = [];
    this.#giveUp(waiting, (message) => this.#notSentBeforeClose(message));
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
    let tries = 0;
    while (this.outstanding > 0) {
      if (this.#refused.length > 0) await this.#pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries++));
      const sent = this.#takeRequest();
      if (sent.length > 0) await this.#request(sent);
      if (this.#refused.length === 0) {
        tries = 0;
        this.#backlog.requestEnded();
      }
      this.#settings.onRoom();
    }
    this.#sending = false;
    this.#callOffSweep?.();
    this.#callOffSweep = undefined;
  }

  /** Rejected messages go first, so that nothing of their topic overtakes them; other messages join if they fit. */
  #takeRequest(): readonly Caller[] {
    const refused = this.#refused;
    this.#refused = [];
    const { maxRequestBytes } = this.#producer;
    if (refused.length === 0) return this.#backlog.take(maxRequestBytes);
    const room = maxRequestBytes - refused.reduce((sum, { bytes }) => sum + bytes, 0);
    return room > 0 ? [...refused, ...this.#backlog.take(room)] : refused;
  }

  async #request(first: readonly Caller[]): Promise<void> {
    const sent = [...first];
    this.#inFlight = sent;
    const results = await this.#sender.send(first.map(messageOf), this.#windowOver(sent));
    this.#inFlight = [];
    this.#storedEarly = 0;
    this.#refused = this.#abandoned ? [] : this.#sendAgain(sent, results);
    if (this.#refused.length === 0) return this.#end(sent, results);
    const open = new Set(this.#refused);
    const isOver = (_: unknown, index: number): boolean => !open.has(sent[index] as Caller);
    this.#end(sent.filter(isOver), results.filter(isOver));
  }

  /** Lets the driver grow the request while it is no larger than a usual one. */
  #windowOver(sent: Caller[]): SendWindow {
    let roomBytes = this.#producer.maxRequestBytes - sent.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      stored: (index, receipt) => {
        if (this.#inFlight !== sent) return;
        this.#stored(sent[index], receipt);
        // A late call can grow for a long time, so it must not hold messages that are stored and answered.
        if (sent[index]?.isReleased === true) sent[index] = STORED;
      },
      next: (limit, isLate = false) => {
        this.#settings.onRoom();
        if (this.#abandoned || this.#inFlight !== sent) return [];
        // A call can be late for as long as the broker is slow, and a flush waits for its end.
        if (isLate && this.#backlog.isFlushing) return [];
        // In a late call, messages that are stored or that wait for the late part no longer count: `room` limits both.
        const fitting = isLate ? limit : Math.min(limit, MAX_REQUEST_MESSAGES - sent.length);
        const more = this.#backlog.takeFitting(isLate ? this.#producer.maxRequestBytes : roomBytes, fitting);
        for (const caller of more) {
          roomBytes -= caller.bytes;
          sent.push(caller);
        }
        return more.map(messageOf);
      },
    };
  }

  /** Lets the publisher continue immediately. A caller that timed out keeps its room until the request ends. */
  #stored(caller: Caller | undefined, receipt: PublishReceipt): void {
    if (caller === undefined || caller.isAnswered) return;
    this.#storedEarly++;
    this.#release(caller);
    caller.isAnswered = true;
    caller.resolve(receipt);
  }

  #release(caller: Caller): void {
    if (caller.isReleased) return;
    caller.isReleased = true;
    this.#outstandingBytes -= caller.bytes;
    this.#settings.room.release(caller.bytes);
  }

  /**
   * Returns the messages to send again until their timeout: those that the broker certainly did not store but may store
   * later, because it restarts or elects a leader. On the hot path nothing failed, and it allocates nothing.
   */
  #sendAgain(callers: readonly Caller[], results: readonly SendResult[]): readonly Caller[] {
    this.#lastRefusal = results.find(isWorthAnotherTry);
    if (this.#lastRefusal === undefined) return [];
    const oldest = this.#settings.clock.monotonicMs() - this.#settings.publishTimeoutMs;
    return callers.filter(({ since }, index) => since > oldest && isWorthAnotherTry(results[index]));
  }

  async #pause(pauseMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const callOff = this.#settings.clock.schedule(pauseMs, resolve);
      this.#endPause = () => {
        callOff();
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  #end(callers: readonly Caller[], results: readonly SendResult[]): void {
    for (const caller of callers) this.#release(caller);
    this.#answer(callers, results);
  }

  #answer(callers: readonly Caller[], results: readonly SendResult[]): void {
    let failed = 0;
    let first: TransportError | undefined;
    let topic = '';
    for (let index = 0; index < callers.length; index++) {
      const caller = callers[index] as Caller;
      const result = results[index] as SendResult;
      // Already answered: the driver reported it as stored early, or it timed out.
      if (caller.isAnswered) continue;
      caller.isAnswered = true;
      if (result instanceof TransportError) {
        failed++;
        if (first === undefined) topic = caller.message.topic;
        first ??= result;
        caller.reject(result);
      } else caller.resolve(result);
    }
    if (first !== undefined) this.#settings.onFailure(first.topic ?? topic, failed, first);
  }

  #giveUp(callers: readonly Caller[], errorOf: (message: OutgoingMessage) => TransportError): void {
    if (callers.length === 0) return;
    this.#end(
      callers,
      callers.map(({ message }) => errorOf(message)),
    );
    if (this.#refused.length === 0) this.#endPause?.();
    this.#settings.onRoom();
  }

  /** Times out callers that waited too long. What is under way may still be stored; what waits was never sent. */
  #sweep(): void {
    const { clock, publishTimeoutMs } = this.#settings;
    const oldest = clock.monotonicMs() - publishTimeoutMs;
    const isLate = ({ since }: Caller): boolean => since <= oldest;
    const lateAndRefused = this.#refused.filter(isLate);
    this.#refused = this.#refused.filter((caller) => !isLate(caller));
    this.#giveUp([...lateAndRefused, ...this.#backlog.takeOlderThan(oldest)], (message) =>
      this.#timedOut(message, 'no'),
    );
    const late = this.#inFlight.filter(isLate);
    this.#answer(
      late,
      late.map(({ message }) => this.#timedOut(message, 'unknown')),
    );
    this.#settings.onRoom();
    this.#scheduleSweep(oldest);
  }

  #scheduleSweep(oldest: number): void {
    const { clock } = this.#settings;
    const open = [...this.#refused, ...this.#inFlight].find(({ since, isAnswered }) => since > oldest && !isAnswered);
    const since = [open?.since, this.#backlog.oldest].filter((one) => one !== undefined);
    // All callers are answered: a driver that never answers must not keep the process alive. The next publish starts
    // the sweep again.
    if (since.length === 0) this.#callOffSweep = undefined;
    else this.#callOffSweep = clock.schedule(Math.max(1, Math.min(...since) - oldest), () => this.#sweep());
  }

  #timedOut({ topic, id }: OutgoingMessage, stored: 'no' | 'unknown'): TransportError {
    const { driver, publishTimeoutMs } = this.#settings;
    const refusal = this.#lastRefusal;
    const why = refusal === undefined ? '' : `: ${refusal.message}`;
    const what = stored === 'no' ? `it was not stored${why}` : 'it may have been stored';
    const { obstacle } = this.#producer;
    const hint = obstacle === undefined || why !== '' ? '' : ` ${obstacle}.`;
    return new TransportError(
      'TRANSPORT_PUBLISH_TIMEOUT',
      `[${driver}] message ${id} for "${topic}" was not confirmed within ${publishTimeoutMs} ms (publishTimeoutMs); ${what}.${hint}`,
      { driver, topic, stored, retryable: true, cause: refusal },
    );
  }

  #notSentBeforeClose({ topic }: OutgoingMessage): TransportError {
    const { driver } = this.#settings;
    return new TransportError(
      'TRANSPORT_CLOSED',
      `[${driver}] a message for "${topic}" was not sent before the transport closed.`,
      { driver, topic, stored: 'no' },
    );
  }
}

const messageOf = ({ message }: Caller): OutgoingMessage => message;

const ignore = (): void => undefined;

/** Placeholder for a caller whose message is stored. */
const STORED: Caller = {
  message: { topic: '', id: '', key: undefined, body: null, headers: {}, partition: undefined },
  bytes: 0,
  resolve: ignore,
  reject: ignore,
  since: Number.POSITIVE_INFINITY,
  isAnswered: true,
  isReleased: true,
};

/** Pauses before rejected messages are sent again; short, because other messages wait. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 200;
