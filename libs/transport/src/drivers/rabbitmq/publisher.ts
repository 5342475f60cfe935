import {
  isTopicPattern,
  TransportError,
  type BrokerHost,
  type OutgoingMessage,
  type Producer,
  type SendResult,
} from '../../contract/index.js';
import { Addressing, placeNameOf, type Addressed } from './addressing.js';
import { ConfirmedChannel, type Fate, type Parcel } from './confirmed-channel.js';
import { channelError } from './failures.js';
import type { Link } from './link.js';
import { PublishLosses } from './losses.js';
import { reservedHeader } from './mapping.js';
import { checkTopicName, heldQueueOf } from './names.js';
import type { ResolvedRabbitmqOptions } from './options.js';
import {
  blocked,
  closed,
  headerRefused,
  notSent,
  partitionRefused,
  patternRefused,
  refused,
  unroutable,
  unwritable,
} from './publish-errors.js';
import { end, MAX_REFUSALS, type Entry, type Request } from './publish-request.js';

/** What may be with amqplib at once: it keeps in memory what the socket does not take. */
const MAX_REQUEST_BYTES = 4_194_304;
/** Stores messages in RabbitMQ: a result per message, on the server's own confirmation. */
export class RabbitmqPublisher implements Producer {
  readonly maxBytes: number;
  readonly maxRequestBytes: number;
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #addressing: Addressing;
  readonly #checkedNames = new Set<string>();
  readonly #onUnfed: (topic: string, error: TransportError) => void;
  readonly #closing = new AbortController();
  readonly #losses: PublishLosses;
  #channel: Promise<ConfirmedChannel> | undefined;

  /** @param onUnfed told of a topic whose messages reach no queue: its exchange, or what tied the queues to it, is gone */
  constructor(
    host: BrokerHost,
    link: Link,
    options: ResolvedRabbitmqOptions,
    onUnfed: (topic: string, error: TransportError) => void,
  ) {
    this.#onUnfed = onUnfed;
    this.#host = host;
    this.#link = link;
    this.#options = options;
    this.#addressing = new Addressing(link, options);
    this.#losses = new PublishLosses(host.clock, options, this.#addressing, onUnfed, this.#closing.signal);
    this.maxBytes = options.maxMessageBytes;
    this.maxRequestBytes = Math.max(MAX_REQUEST_BYTES, options.maxMessageBytes);
  }

  /** Why nothing is confirmed now. */
  get obstacle(): string | undefined {
    const reason = this.#link.blockedBecause;
    if (reason === undefined) return this.#losses.obstacle;
    return `RabbitMQ takes no publishes now, by an alarm of its own: ${reason}`;
  }

  check(message: OutgoingMessage): void {
    const { topic, partition, headers } = message;
    if (!this.#checkedNames.has(topic)) {
      checkTopicName(topic, this.#options.exchangeType);
      if (isTopicPattern(topic)) throw patternRefused(topic);
      this.#checkedNames.add(topic);
    }
    if (partition !== undefined) throw partitionRefused(topic, partition);
    const reserved = reservedHeader(headers);
    if (reserved !== undefined) throw headerRefused(topic, reserved);
    this.#addressing.checkDelay(message, this.#host.clock.now());
  }

  async send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const now = this.#host.clock.now();
    const request: Request = { results: new Array<SendResult>(messages.length), untilMs: undefined, refusals: 0 };
    let open = messages.map((message, index) => this.#entryOf(message, index, now));
    while (open.length > 0) open = await this.#round(open, request);
    return request.results;
  }

  /** From now on messages of these topics are kept, also where nobody subscribes. */
  hold(topics: readonly string[]): void {
    this.#addressing.hold(topics);
  }

  /** One message of the driver's own, to a queue by its name. @throws TransportError when there is no channel */
  async store(parcel: Parcel): Promise<Fate> {
    const channel = await this.#open();
    return channel.publish(parcel);
  }

  close(): void {
    this.#closing.abort();
  }

  #entryOf(message: OutgoingMessage, index: number, now: number): Entry {
    return { index, message, ...this.#addressing.addressed(message, now), written: false };
  }

  /** Sends what is open, and returns what has to be sent again. */
  async #round(open: readonly Entry[], request: Request): Promise<Entry[]> {
    if (this.#closing.signal.aborted) return end(open, request, closed);
    const { obstacle } = this;
    if (obstacle !== undefined && open.every(({ written }) => !written)) {
      return end(open, request, (entry) => blocked(entry, obstacle));
    }
    const channel = await this.#channelFor(open, request);
    if (channel === undefined) return [];
    // What waits here for a connection has less to wait for on the broker.
    for (const entry of open) if (entry.way !== undefined) Object.assign(entry, this.#addressedNow(entry));
    const ready = await this.#withExchanges(open, request);
    const fates = await Promise.all(ready.map((entry) => this.#publish(channel, entry, request)));
    const lost = ready.filter((_, index) => fates[index] === 'lost');
    const again = [...lost, ...(await this.#afterFates(ready, fates, request))].sort((a, b) => a.index - b.index);
    return lost.length === 0 ? again : this.#losses.after(channel.failure, again, request);
  }

  /** A channel; where there is none the entries have their results, and it is undefined. */
  async #channelFor(open: readonly Entry[], request: Request): Promise<ConfirmedChannel | undefined> {
    const { untilMs } = request;
    if (untilMs !== undefined) await this.#link.whenOpen(Math.max(0, untilMs - this.#host.clock.monotonicMs()));
    try {
      return await this.#open();
    } catch (error) {
      end(open, request, (entry) => notSent(entry, error));
      return undefined;
    }
  }

  #open(): Promise<ConfirmedChannel> {
    this.#channel ??= this.#openChannel();
    return this.#channel;
  }

  async #openChannel(): Promise<ConfirmedChannel> {
    try {
      const channel = await ConfirmedChannel.open(await this.#link.open());
      channel.onClosed(() => (this.#channel = undefined));
      return channel;
    } catch (error) {
      this.#channel = undefined;
      throw error instanceof TransportError ? error : channelError(error, 'cannot open a channel to publish on');
    }
  }

  #addressedNow({ message }: Entry): Addressed {
    return this.#addressing.addressed(message, this.#host.clock.now());
  }

  /** Those whose exchange is there. */
  async #withExchanges(open: readonly Entry[], request: Request): Promise<Entry[]> {
    const problems = new Map<string, unknown>();
    for (const entry of open) {
      const place = placeNameOf(entry);
      if (problems.has(place)) continue;
      try {
        await this.#addressing.ensure(entry, entry.message.topic);
      } catch (error) {
        problems.set(place, error);
      }
    }
    if (problems.size === 0) return [...open];
    const hasProblem = (entry: Entry): boolean => problems.has(placeNameOf(entry));
    end(open.filter(hasProblem), request, (entry) => notSent(entry, problems.get(placeNameOf(entry))));
    return open.filter((entry) => !hasProblem(entry));
  }

  async #publish(channel: ConfirmedChannel, entry: Entry, request: Request): Promise<Fate | undefined> {
    try {
      const fate = channel.publish(entry.parcel);
      entry.written = true;
      return await fate;
    } catch (error) {
      // Why 'no' for certain: amqplib writes a message whole or not at all.
      request.results[entry.index] = unwritable(entry, error);
      return undefined;
    }
  }

  /** Fills in what is known, and returns those that go elsewhere. */
  async #afterFates(
    entries: readonly Entry[],
    fates: readonly (Fate | undefined)[],
    request: Request,
  ): Promise<Entry[]> {
    const again: Entry[] = [];
    for (const [index, entry] of entries.entries()) {
      const fate = fates[index];
      if (fate === 'stored') request.results[entry.index] = receiptOf(entry);
      if (fate === 'refused') request.results[entry.index] = refused(entry);
      if (fate !== 'unroutable') continue;
      const goesAgain = await (entry.way === undefined
        ? this.#heldInstead(entry, request)
        : this.#overNewLadder(entry, request));
      if (goesAgain) again.push(entry);
      else request.results[entry.index] ??= this.#unfed(entry);
    }
    return again;
  }

  /** A rung of the ladder is gone. */
  #overNewLadder(entry: Entry, request: Request): boolean {
    this.#addressing.forget(entry);
    entry.written = false;
    return request.refusals++ < MAX_REFUSALS;
  }

  #unfed(entry: Entry): TransportError {
    const error = unroutable(entry);
    this.#onUnfed(entry.message.topic, error);
    return error;
  }

  /** Nobody wants this dead letter yet: it goes to the queue that keeps it. */
  async #heldInstead(entry: Entry, request: Request): Promise<boolean> {
    const { topic } = entry.message;
    if (!this.#addressing.isHeld(topic) || request.refusals >= MAX_REFUSALS) return false;
    const wasHeld = entry.parcel.exchange === '';
    if (wasHeld) request.refusals++;
    try {
      if (wasHeld) await this.#addressing.topology.ensureHeld(topic);
    } catch (error) {
      request.results[entry.index] = notSent(entry, error);
      return false;
    }
    entry.parcel = { ...entry.parcel, exchange: '', routingKey: heldQueueOf(topic) };
    entry.written = false;
    return true;
  }
}

const receiptOf = ({ message: { id, topic } }: Entry): SendResult => ({
  id,
  topic,
  partition: undefined,
  offset: undefined,
});
