import {
  isTopicPattern,
  type TransportError,
  type BrokerHost,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
  type SendWindow,
} from '../../../contract/index.js';
import { Addressing, placeNameOf, type Addressed } from './addressing.js';
import { ChannelPool } from '../client/channel-pool.js';
import { OwnChannel } from './own-channel.js';
import { MAX_UNCONFIRMED, type ConfirmedChannel, type Fate, type Parcel } from './confirmed-channel.js';
import type { Link } from '../client/link.js';
import { PublishLosses } from './losses.js';
import { reservedHeader } from '../mapping.js';
import { checkTopicName, heldQueueOf } from '../topology/names.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import {
  blocked,
  closed,
  headerRefused,
  notSent,
  partitionRefused,
  patternRefused,
  refused,
  unroutable,
} from './publish-errors.js';
import { end, MAX_REFUSALS, type Entry, type Request } from './publish-request.js';
import { PublishRun, type Lane } from './publish-run.js';

/** Limit of bytes in amqplib, which buffers in memory what the socket does not accept. */
const MAX_REQUEST_BYTES = 4_194_304;
/** Channels of one busy topic. Together they allow as many unconfirmed messages as one channel could have without blocking the connection. */
const LANES = 4;

/** Published entries by channel, and added entries that have another destination. */
interface Published {
  readonly lanes: readonly Lane[];
  readonly deferred: readonly Entry[];
}

/** Publishes messages to RabbitMQ and returns one result per message, based on publisher confirms. */
export class RabbitmqPublisher implements Producer {
  readonly maxBytes: number;
  readonly maxRequestBytes: number;
  readonly unansweredAdvice =
    'Check that its quorum queues have a majority of their nodes online. Other topics are not affected.';
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #addressing: Addressing;
  readonly #checkedNames = new Set<string>();
  readonly #onUnfed: (topic: string, error: TransportError) => void;
  readonly #closing = new AbortController();
  readonly #losses: PublishLosses;
  readonly #channels: ChannelPool;
  readonly #own: OwnChannel;
  #isAlarmed = false;

  /** @param onUnfed called with a topic whose messages reach no queue, because its exchange or bindings are missing */
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
    this.#channels = new ChannelPool(link, host.clock);
    this.#own = new OwnChannel(link, host.clock);
    link.watch({ blocked: (reason) => this.#warnOfAlarm(reason) });
    this.#losses = new PublishLosses(host, options, this.#addressing, onUnfed, this.#closing.signal);
    this.maxBytes = options.maxMessageBytes;
    this.maxRequestBytes = Math.max(MAX_REQUEST_BYTES, options.maxMessageBytes);
  }

  /** Why publishes wait now; undefined when they do not. */
  get obstacle(): string | undefined {
    return this.#alarm ?? this.#losses.obstacles[0];
  }

  get #alarm(): string | undefined {
    const reason = this.#link.blockedBecause;
    return reason === undefined ? undefined : `RabbitMQ blocks all publishes because of a resource alarm: ${reason}`;
  }

  /** Why publishes of some or all topics wait now. */
  get stalls(): string[] {
    const alarm = this.#alarm;
    if (alarm !== undefined) return [alarm];
    return this.#losses.obstacles;
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

  async send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    const request: Request = { results: [], window, size: 0, untilMs: undefined, refusals: 0, most: Infinity };
    let open = this.#entriesOf(messages, request);
    while (open.length > 0) {
      const { most } = request;
      const again = await this.#round(open.slice(0, most), request, open.length <= most);
      open = [...again, ...open.slice(most)];
    }
    return request.results;
  }

  /** Warns once per alarm. */
  #warnOfAlarm(reason: string | undefined): void {
    const warning = this.#alarm;
    const isNew = reason !== undefined && !this.#isAlarmed;
    this.#isAlarmed = reason !== undefined;
    if (isNew && warning !== undefined)
      this.#host.notices.emit('broker:warned', { broker: this.#host.broker, warning });
  }

  /** Keeps messages of these topics from now on, even without a subscriber. */
  hold(topics: readonly string[]): void {
    this.#addressing.hold(topics);
  }

  /** Publishes one message of the driver to a queue. @throws TransportError when there is no channel */
  store(parcel: Parcel): Promise<Fate> {
    return this.#own.publish(parcel);
  }

  close(): void {
    this.#closing.abort();
  }

  #entriesOf(messages: readonly OutgoingMessage[], request: Request): Entry[] {
    const now = this.#host.clock.now();
    return messages.map((message) => {
      const { parcel, way } = this.#addressing.addressed(message, now);
      return { index: request.size++, message, parcel, way, written: false, wasLost: false, fate: undefined };
    });
  }

  /** Sends entries and returns those to send again. @param isAll whether they are all of the request */
  async #round(open: readonly Entry[], request: Request, isAll: boolean): Promise<Entry[]> {
    if (this.#closing.signal.aborted) return end(open, request, closed);
    const free = this.#withoutObstacle(open, request);
    const channels = free.length === 0 ? undefined : await this.#channelsFor(free, request);
    if (channels === undefined) return [];
    const { lanes, deferred } = await this.#publishOn(channels, free, request, isAll && free.length === open.length);
    const again = [...deferred];
    for (const { entries } of lanes) again.push(...(await this.#afterFates(entries, request)));
    again.push(...(await this.#afterLosses(lanes, request)));
    return again.sort((a, b) => a.index - b.index);
  }

  async #afterLosses(lanes: readonly Lane[], request: Request): Promise<Entry[]> {
    const again: Entry[] = [];
    let most = request.most * 2;
    for (const { channel, entries } of lanes) {
      const lost = entries.filter(({ fate }) => fate === 'lost');
      if (lost.length === 0) continue;
      again.push(...(await this.#losses.after(channel.failure, lost, request)));
      most = request.most;
    }
    request.most = most;
    return again;
  }

  /** Returns the entries without an obstacle. Entries written before always continue, because they may be stored. */
  #withoutObstacle(open: readonly Entry[], request: Request): Entry[] {
    const alarm = this.#alarm;
    return open.filter((entry) => {
      const obstacle = alarm ?? this.#losses.obstacleOf(exchangeOf(entry));
      if (entry.written || obstacle === undefined) return true;
      end([entry], request, () => blocked(entry, obstacle));
      return false;
    });
  }

  /** Publishes on channels that serve only these messages until the outcome of each is known. */
  async #publishOn(
    channels: readonly ConfirmedChannel[],
    open: readonly Entry[],
    request: Request,
    isAll: boolean,
  ): Promise<Published> {
    try {
      // A delayed message that waited here for a connection needs a shorter delay on the broker.
      for (const entry of open) if (entry.way !== undefined) Object.assign(entry, this.#addressedNow(entry));
      const ready = await this.#withExchanges(open, request);
      return await this.#publishAll(channels, ready, request, isAll && ready.length === open.length);
    } finally {
      for (const channel of channels) this.#channels.release(channel);
    }
  }

  /**
   * Lends one channel, or several for many messages, because the unconfirmed messages per channel are limited. Without a channel the
   * entries fail and the result is undefined.
   */
  async #channelsFor(open: readonly Entry[], request: Request): Promise<ConfirmedChannel[] | undefined> {
    const { untilMs } = request;
    if (untilMs !== undefined) await this.#link.whenOpen(Math.max(0, untilMs - this.#host.clock.monotonicMs()));
    try {
      const channels = [await this.#channels.take()];
      const isBusy = open.length > MAX_UNCONFIRMED / 2 && untilMs === undefined;
      return isBusy ? channels.concat(await this.#channels.takeFree(LANES - 1)) : channels;
    } catch (error) {
      end(open, request, (entry) => notSent(entry, error));
      return undefined;
    }
  }

  #addressedNow({ message }: Entry): Addressed {
    return this.#addressing.addressed(message, this.#host.clock.now());
  }

  /** Declares the destinations. Returns the entries whose destination exists. */
  async #withExchanges(open: readonly Entry[], request: Request): Promise<readonly Entry[]> {
    const places = new Map(open.map((entry) => [placeNameOf(entry), entry]));
    const problems = new Map<string, unknown>();
    for (const [place, entry] of places) {
      try {
        await this.#addressing.ensure(entry, entry.message.topic);
      } catch (error) {
        problems.set(place, error);
      }
    }
    if (problems.size === 0) return open;
    const hasProblem = (entry: Entry): boolean => problems.has(placeNameOf(entry));
    end(open.filter(hasProblem), request, (entry) => notSent(entry, problems.get(placeNameOf(entry))));
    return open.filter((entry) => !hasProblem(entry));
  }

  /** @param mayGrow whether the order allows to add newer messages */
  async #publishAll(
    channels: readonly ConfirmedChannel[],
    ready: readonly Entry[],
    request: Request,
    mayGrow: boolean,
  ): Promise<Published> {
    const deferred: Entry[] = [];
    const places = new Set(ready.map(placeNameOf));
    const more = (limit: number): readonly Entry[] => {
      const isWell = mayGrow && deferred.length === 0 && this.obstacle === undefined && !this.#closing.signal.aborted;
      const taken = isWell ? this.#entriesOf(request.window?.next(limit) ?? [], request) : [];
      const elsewhere = taken.findIndex((entry) => !places.has(placeNameOf(entry)));
      if (elsewhere !== -1) deferred.push(...taken.splice(elsewhere));
      return taken;
    };
    const stored = (entry: Entry): void => {
      request.window?.stored(entry.index, receiptOf(entry));
    };
    return { lanes: await new PublishRun(channels, ready, request, { more, stored }).run(), deferred };
  }

  /** Sets known results, and returns the entries to send to another destination. */
  async #afterFates(entries: readonly Entry[], request: Request): Promise<Entry[]> {
    const again: Entry[] = [];
    for (const entry of entries) {
      const { fate } = entry;
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

  /** A queue of the delay ladder was deleted. */
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

  /** No consumer is bound for this dead letter yet, so it goes to the queue that holds it. */
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

const receiptOf = ({ message: { id, topic } }: Entry): PublishReceipt => ({
  id,
  topic,
  partition: undefined,
  offset: undefined,
});

/** The exchange of the topic, also for a delayed message. */
const exchangeOf = ({ parcel, way }: Entry): string => way?.destination.exchange ?? parcel.exchange;
