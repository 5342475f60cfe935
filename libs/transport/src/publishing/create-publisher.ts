import {
  exactSize,
  requireCapabilities,
  sizeAtMost,
  TransportError,
  validate,
  waitingForFirst,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Codec,
  type EventDefinition,
  type OutgoingMessage,
  type PublishReceipt,
} from '../contract/index.js';
import { checkOptions, jsonCodec, option, withDefaults } from '../shared/index.js';
import { deliveryTime } from './delivery-time.js';
import { envelope, formatOf, type Format } from './envelope.js';
import { MailboxRequester } from './mailbox.js';
import { messageIds } from './message-id.js';
import { OpenRequests } from './open-requests.js';
import { PublishPath } from './publish-path.js';
import {
  Publisher,
  type PublishEntry,
  type PublishOptions,
  type PublishResult,
  type RequestOptions,
} from './publisher.js';
import { request } from './requests.js';
import { PUBLISHING_DEFAULTS, PUBLISHING_RULES, type PublishingOptions } from './publishing-options.js';
import { badKeyFunction, missingKey, noPlace, notMade, notMadeInTime, outOfLife, tooLarge } from './refusals.js';
import { Room } from './room.js';
import { takenBack } from './taken-back.js';

/** A publisher that can be started and closed. */
export interface ClosablePublisher extends Publisher {
  /** Sends requests natively, or through topics if `requestReply` is emulated. */
  readonly requests: OpenRequests;
  /** Enables `publish`, which fails with `TRANSPORT_NOT_STARTED` before. */
  start(): void;
  /**
   * Rejects new messages, fails open requests immediately, and resolves when all other messages are stored or have
   * failed, after
   * `timeoutMs` at the latest. A second call has no effect.
   */
  close(timeoutMs: number): Promise<void>;
}

/**
 * Creates the publisher of one broker connection.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`
 */
export function createPublisher(
  broker: Broker,
  connection: BrokerConnection,
  host: BrokerHost,
  options: PublishingOptions,
  codec: Codec = jsonCodec,
): ClosablePublisher {
  checkOptions('publishing', options, PUBLISHING_RULES);
  return new BrokerPublisher(broker, connection, host, options, codec);
}

/** Checks only names; the values are checked where they are used. */
const MESSAGE_RULES = { key: option.any, headers: option.any, id: option.any, partition: option.any } as const;
const REQUEST_RULES = { timeoutMs: option.integer(1), ...MESSAGE_RULES } as const satisfies Record<
  keyof RequestOptions,
  unknown
>;
const PUBLISH_RULES = {
  ...MESSAGE_RULES,
  deliverAfterMs: option.any,
  deliverAt: option.any,
} as const satisfies Record<keyof PublishOptions, unknown>;

type Target<In = unknown, Out = unknown> = EventDefinition<In, Out> | string;
type Phase = 'not started' | 'open' | 'closed';

class BrokerPublisher extends Publisher implements ClosablePublisher {
  readonly #broker: Broker;
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #format: Format;
  /** Formats of events with their own codec. */
  readonly #formats = new WeakMap<Codec, Format>();
  readonly #options: Required<Omit<PublishingOptions, 'maxBytes'>>;
  readonly #maxBytes: number;
  readonly #room: Room;
  /** One per topic that was published to. */
  readonly #paths = new Map<string, PublishPath>();
  readonly #nextId: () => string;
  readonly requests: OpenRequests;
  #mailbox: MailboxRequester | undefined;
  #phase: Phase = 'not started';
  /** Closed before everything could be sent. */
  #abandoned = false;
  #closed: Promise<void> | undefined;

  constructor(
    broker: Broker,
    connection: BrokerConnection,
    host: BrokerHost,
    options: PublishingOptions,
    codec: Codec,
  ) {
    super();
    this.#broker = broker;
    this.#connection = connection;
    this.#host = host;
    this.#format = formatOf(codec);
    this.#options = withDefaults(options, PUBLISHING_DEFAULTS);
    this.#maxBytes = Math.min(options.maxBytes ?? Infinity, connection.producer.maxBytes);
    this.#nextId = messageIds(() => host.clock.now());
    this.requests = new OpenRequests(broker.driver, () => connection.requester ?? this.#openMailbox());
    this.#room = new Room(this.#options.maxOutstanding, this.#options.maxOutstandingBytes);
  }

  start(): void {
    if (this.#phase === 'not started') this.#phase = 'open';
  }

  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  publish(event: Target, payload: unknown, options?: PublishOptions): Promise<PublishReceipt> {
    if (this.#phase !== 'open') return Promise.reject(outOfLife(this.#broker.driver, topicOf(event), this.#phase));
    const since = this.#host.clock.monotonicMs();
    const path = this.#pathOf(topicOf(event));
    if (!path.isOpen) return this.#publishWhenThereIsRoom(path, event, payload, options, since);
    return this.#publishNow(path, event, payload, options, since);
  }

  async publishMany(event: Target, entries: readonly PublishEntry<unknown>[]): Promise<PublishResult[]> {
    const publishes = entries.map(({ payload, ...options }) => this.publish(event, payload, options));
    const outcomes = await Promise.allSettled(publishes);
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled'
        ? { status: 'stored', receipt: outcome.value }
        : { status: 'failed', error: outcome.reason as TransportError },
    );
  }

  #openMailbox(): MailboxRequester {
    return (this.#mailbox ??= new MailboxRequester(this.#connection, this.#host));
  }

  async request(event: Target, payload: unknown, options: RequestOptions): Promise<unknown> {
    const topic = topicOf(event);
    if (this.#phase !== 'open') throw outOfLife(this.#broker.driver, topic, this.#phase);
    checkOptions(`request("${topic}")`, options, REQUEST_RULES);
    if (options.timeoutMs === undefined) throw endless(topic);
    requireCapabilities(this.#broker, ['requestReply'], `request("${topic}")`, 'Publish an event instead.');
    const since = this.#host.clock.monotonicMs();
    const leftMs = (): number => Math.max(1, options.timeoutMs - Math.round(this.#host.clock.monotonicMs() - since));
    const message = await this.#requestMessage(event, payload, options, leftMs);
    const schema = typeof event === 'string' ? undefined : event.answer;
    const expected = { timeoutMs: options.timeoutMs, leftMs: leftMs(), codec: this.#format.codec, schema };
    return request(this.requests, message, expected, this.#host.clock);
  }

  async #requestMessage(
    event: Target,
    payload: unknown,
    options: RequestOptions,
    leftMs: () => number,
  ): Promise<OutgoingMessage> {
    try {
      const made = this.#made(event, payload, options);
      const whole = made instanceof Promise ? await this.#within(made, topicOf(event), options.timeoutMs) : made;
      const message = waitingForFirst(whole, leftMs());
      this.#checkedSize(message);
      return message;
    } catch (error) {
      throw notMade(error, this.#broker.driver, topicOf(event));
    }
  }

  #within(coming: Promise<OutgoingMessage>, topic: string, timeoutMs: number): Promise<OutgoingMessage> {
    return new Promise((resolve, reject) => {
      const tooLate = (): void => reject(notMadeInTime(this.#broker.driver, topic, 'timeoutMs', timeoutMs));
      const callOff = this.#host.clock.schedule(timeoutMs, tooLate);
      coming.then(resolve, reject).finally(callOff);
    });
  }

  async flush(timeoutMs: number = this.#options.publishTimeoutMs): Promise<void> {
    if (await this.#flushedWithin(timeoutMs)) return;
    throw new TransportError(
      'TRANSPORT_PUBLISH_TIMEOUT',
      `[${this.#broker.driver}] flush: ${this.#room.messages} messages were not confirmed within ${timeoutMs} ms. The publisher continues to send them.`,
      { driver: this.#broker.driver, retryable: true },
    );
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#phase = 'closed';
    this.requests.close();
    await Promise.all([this.#closePaths(timeoutMs), this.#isDoneWithin(timeoutMs, this.#mailbox?.close())]);
  }

  async #closePaths(timeoutMs: number): Promise<void> {
    if (await this.#flushedWithin(timeoutMs)) return;
    this.#abandoned = true;
    for (const [topic, path] of this.#paths) path.abandon(outOfLife(this.#broker.driver, topic, 'closed'));
  }

  #flushedWithin(timeoutMs: number): Promise<boolean> {
    return this.#isDoneWithin(timeoutMs, Promise.all([...this.#paths.values()].map((path) => path.flush())));
  }

  async #isDoneWithin(timeoutMs: number, work: Promise<unknown> | undefined): Promise<boolean> {
    if (work === undefined) return true;
    let callOff = (): void => undefined;
    const late = new Promise<boolean>((resolve) => {
      callOff = this.#host.clock.schedule(timeoutMs, () => resolve(false));
    });
    return Promise.race([work.then(() => true), late]).finally(callOff);
  }

  /** Not async: on the hot path the coalescer's Promise is the only one. */
  #publishNow(
    path: PublishPath,
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
    since: number,
  ): Promise<PublishReceipt> {
    try {
      refuseUnknown(event, options);
      const message = this.#made(event, payload, options);
      return message instanceof Promise
        ? this.#publishLater(path, message, topicOf(event), since)
        : path.send(message, this.#checkedSize(message), since);
    } catch (error) {
      return Promise.reject(notMade(error, this.#broker.driver, topicOf(event)));
    }
  }

  async #publishLater(
    path: PublishPath,
    coming: Promise<OutgoingMessage>,
    topic: string,
    since: number,
  ): Promise<PublishReceipt> {
    const { driver } = this.#broker;
    try {
      const tooLate = () => notMadeInTime(driver, topic, 'publishTimeoutMs', this.#options.publishTimeoutMs);
      const message = await path.made(coming, since, tooLate);
      if (this.#abandoned) throw outOfLife(driver, topic, 'closed');
      return path.send(message, this.#checkedSize(message), since);
    } catch (error) {
      throw notMade(error, driver, topic);
    } finally {
      path.makingEnded();
    }
  }

  #publishWhenThereIsRoom(
    path: PublishPath,
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
    since: number,
  ): Promise<PublishReceipt> {
    return new Promise((resolve, reject) => {
      path.wait(() => {
        const topic = topicOf(event);
        if (this.#abandoned) reject(outOfLife(this.#broker.driver, topic, 'closed'));
        else if (this.#isLate(since)) reject(noPlace(this.#broker.driver, topic, this.#options));
        else this.#publishNow(path, event, payload, options, since).then(resolve, reject);
      }, since);
    });
  }

  #isLate(since: number): boolean {
    return this.#host.clock.monotonicMs() - since >= this.#options.publishTimeoutMs;
  }

  /** Sends the payload as it was given; the handler receives the schema's output. */
  #validated(event: Target, payload: unknown): unknown {
    if (typeof event === 'string' || event.schema === undefined || !this.#options.validate) return undefined;
    return validate(event.schema, payload, event.type);
  }

  /** Validates and encodes; returns a Promise only if the schema or the codec is asynchronous. */
  #made(
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
  ): OutgoingMessage | Promise<OutgoingMessage> {
    const valid = this.#validated(event, payload);
    if (valid instanceof Promise) return valid.then(() => this.#readable(event, payload, options));
    return this.#readable(event, payload, options);
  }

  /** Encodes the payload and checks that the event's schema accepts the result. */
  #readable(
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
  ): OutgoingMessage | Promise<OutgoingMessage> {
    const message = this.#envelope(event, payload, options);
    if (typeof event === 'string' || event.schema === undefined || !this.#options.validate) return message;
    const { codec } = this.#formatOf(event.codec);
    if (message instanceof Promise) return message.then((made) => takenBack(event, payload, made, codec));
    return takenBack(event, payload, message, codec);
  }

  /** Returns an upper bound of the message's size; rejects what the broker would reject. */
  #checkedSize(message: OutgoingMessage): number {
    const bytes = sizeAtMost(message);
    // The sum is an upper bound, so a message above the limit is measured exactly.
    if (bytes > this.#maxBytes && exactSize(message) > this.#maxBytes) {
      throw tooLarge(this.#broker.driver, message, exactSize(message), this.#maxBytes);
    }
    if (message.partition !== undefined) {
      requireCapabilities(
        this.#broker,
        ['partitions'],
        `publish to "${message.topic}" with a partition`,
        'Use a key instead.',
      );
    }
    this.#refuseDelay(message);
    this.#connection.producer.check(message);
    return bytes;
  }

  #refuseDelay({ topic, deliverAtMs }: OutgoingMessage): void {
    if (deliverAtMs === undefined) return;
    const remedy = 'Publish it when it is due, or use a broker that supports delayed delivery.';
    requireCapabilities(this.#broker, ['delayedPublish'], `delayed publish to "${topic}"`, remedy);
  }

  #envelope(
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
  ): OutgoingMessage | Promise<OutgoingMessage> {
    const id = options?.id ?? this.#nextId();
    const deliverAtMs = deliveryTime(topicOf(event), options, () => this.#host.clock.now());
    const message = this.#enveloped(event, payload, options, id);
    if (deliverAtMs === undefined) return message;
    return message instanceof Promise
      ? message.then((made) => ({ ...made, deliverAtMs }))
      : { ...message, deliverAtMs };
  }

  #enveloped(
    event: Target,
    payload: unknown,
    options: PublishOptions | undefined,
    id: string,
  ): OutgoingMessage | Promise<OutgoingMessage> {
    if (typeof event === 'string') {
      return envelope({ topic: event, type: undefined }, payload, options?.key, options, id, this.#format);
    }
    const key = options?.key ?? keyOf(event, payload);
    return envelope(event, payload, key, options, id, this.#formatOf(event.codec));
  }

  #formatOf(codec: Codec | undefined): Format {
    if (codec === undefined) return this.#format;
    const known = this.#formats.get(codec) ?? formatOf(codec);
    this.#formats.set(codec, known);
    return known;
  }

  #pathOf(topic: string): PublishPath {
    const known = this.#paths.get(topic);
    if (known !== undefined) return known;
    if (this.#paths.size >= MAX_PATHS) this.#dropIdlePaths();
    const path = this.#createPath();
    this.#paths.set(topic, path);
    return path;
  }

  #dropIdlePaths(): void {
    for (const [topic, path] of this.#paths) if (path.isIdle) this.#paths.delete(topic);
  }

  #createPath(): PublishPath {
    const { notices, broker, clock } = this.#host;
    return new PublishPath(this.#connection.producer, {
      driver: this.#broker.driver,
      publishTimeoutMs: this.#options.publishTimeoutMs,
      clock,
      room: this.#room,
      onFailure: (topic, messages, error) => notices.emit('publish:failed', { broker, topic, messages, error }),
      onRoom: () => {
        for (const path of this.#paths.values()) path.letIn();
      },
    });
  }
}

/** Idle paths that are kept; above this number they are dropped. */
const MAX_PATHS = 256;

/** A misspelt option would be ignored silently. On the hot path it does a full check only if an option is set. */
function refuseUnknown(event: Target, options: PublishOptions | undefined): void {
  for (const name in options) {
    if (!Object.hasOwn(PUBLISH_RULES, name)) checkOptions(`publish("${topicOf(event)}")`, options, PUBLISH_RULES);
  }
}

function endless(topic: string): TransportError {
  const message = `request("${topic}"): timeoutMs is missing. Set how long to wait: a request without a timeout can wait forever.`;
  return new TransportError('TRANSPORT_OPTION_INVALID', message, { topic, stored: 'no' });
}

function topicOf(event: Target): string {
  return typeof event === 'string' ? event : event.topic;
}

function keyOf(event: EventDefinition, payload: unknown): string | undefined {
  if (event.key === undefined) return undefined;
  const key = calledKey(event, payload) ?? undefined;
  // Without a key a message has no order, and nobody would notice before messages overtake each other.
  if (key === undefined && event.optionalKey !== true) throw missingKey(event.type, event.topic);
  return key;
}

function calledKey(event: EventDefinition, payload: unknown): string | null | undefined {
  try {
    return event.key?.(payload);
  } catch (cause) {
    throw badKeyFunction(event.type, event.topic, cause);
  }
}
