import {
  isTopicPattern,
  TransportError,
  type BrokerHost,
  type Reply,
  type Subscription,
  type SubscriptionSink,
} from '../../../contract/index.js';
import { listenToAbandoned } from './abandoned.js';
import type { Answers } from '../answers.js';
import type { Consumers, ConsumerPlace } from './consumers.js';
import type { NatsDelivery } from './delivery.js';
import { errorOf } from '../client/failures.js';
import { Handover } from '../../kit/handover.js';
import type { Link, LinkListener } from '../client/link.js';
import type { NatsMessage, ReadHeaders } from '../mapping.js';
import { Source, type SourceOwner } from './source.js';
import type { Streams } from '../topology/streams.js';
import { WaitingMessages } from './waiting.js';
import { goneError, SubscriptionNotices } from './subscription-notices.js';

export interface IntakeTools {
  readonly host: BrokerHost;
  readonly link: Link;
  readonly streams: Streams;
  readonly consumers: Consumers;
  readonly answers: Answers;
}

/** Milliseconds between two attempts to open a consumer: doubling, then constant. */
const FIRST_RESTART_MS = 200;
const MAX_RESTART_MS = 3_000;
/** Milliseconds between two checks of a consumer, and between two searches for new streams of a pattern. */
const LOOK_MS = 5_000;

/**
 * One subscription: a consumer on the stream that holds its topic, or on each stream that holds a part of its pattern. It keeps the
 * consumers alive: a deleted consumer is detected, recreated if the driver may, and reported.
 */
export class SubscriptionIntake implements SourceOwner, LinkListener {
  readonly subscription: Subscription;
  readonly #tools: IntakeTools;
  readonly #handover: Handover<NatsDelivery>;
  readonly #sink: SubscriptionSink['sink'];
  readonly #notices: SubscriptionNotices;
  readonly #sources = new Map<string, Source>();
  /** Stops listening for abandoned messages, by stream. */
  readonly #abandoned = new Map<string, () => void>();
  /** max_deliver of each consumer, by stream; undefined means no limit. */
  readonly #limits = new Map<string, number | undefined>();
  readonly #stopListening: () => void;
  readonly #waiting: WaitingMessages;
  #problem: TransportError | undefined;
  #restarts = 0;
  #isStopped = false;
  #wasPlaced = false;
  #placing: Promise<void> | undefined;
  /** Streams whose consumer must be found and opened again. */
  readonly #doubtful = new Set<string>();
  #callOffLook: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(tools: IntakeTools, { subscription, sink }: SubscriptionSink) {
    this.#tools = tools;
    this.#sink = sink;
    this.#notices = new SubscriptionNotices(tools.host, subscription);
    this.#waiting = new WaitingMessages(tools.host.clock);
    this.subscription = subscription;
    this.#handover = new Handover<NatsDelivery>(sink, subscription.maxInFlight, () => this.#pull());
    this.#stopListening = tools.link.listen(this);
  }

  get window(): number {
    return Math.max(1, Math.floor(this.subscription.maxInFlight / Math.max(1, this.#sources.size)));
  }

  get isFull(): boolean {
    return this.#handover.isFull;
  }

  get problems(): string[] {
    const stalls = [...this.#sources.values()].flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
    return this.#problem === undefined ? stalls : [this.#problem.message, ...stalls];
  }

  get isDown(): boolean {
    return this.#problem !== undefined || [...this.#sources.values()].some(({ isRefused }) => isRefused);
  }

  /** Opens the consumers; retries what another attempt can fix. @throws TransportError what it cannot fix */
  async start(): Promise<void> {
    await this.#placeAll();
    if (!this.#isStopped) this.#lookLater();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#callOffLook?.();
    this.#stopListening();
    this.#wake?.();
    for (const end of this.#abandoned.values()) end();
    const undelivered = this.#handover.end();
    await Promise.all(
      [...this.#sources.values()].map((source) => source.stop(undelivered.filter((delivery) => delivery.isOf(source)))),
    );
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#placing?.catch(ignore);
    await Promise.all([...this.#sources.values()].map((source) => this.#closeSource(source)));
  }

  async waiting(): Promise<number | undefined> {
    return this.#tools.link.isUp ? this.#waiting.sum(this.#sources.values()) : undefined;
  }

  deliver(delivery: NatsDelivery): void {
    this.#handover.push(delivery);
  }

  revoked(): void {
    this.#sink.revoked();
  }

  stalled({ place }: Source, reason: string | undefined): void {
    this.#notices.stalled(place, reason);
  }

  answer(address: string, reply: Reply): void {
    this.#tools.answers.send(address, reply);
  }

  answerAddress(_message: NatsMessage, { replyTo }: ReadHeaders): string | undefined {
    return this.#tools.answers.isAddress(replyTo) ? replyTo : undefined;
  }

  doubted({ place }: Source): void {
    this.#doubtful.add(place.stream);
    this.#lookNow();
  }

  pullRefused(_source: Source, reason: string | undefined, retryInMs: number): void {
    if (reason === undefined) return this.#notices.recovered();
    this.#notices.crashed(errorOf('TRANSPORT_SUBSCRIPTION_CRASHED', `${reason}.`), retryInMs);
  }

  linkDown(): void {
    for (const source of this.#sources.values()) source.linkDown();
  }

  /** The server has forgotten the pull requests, and maybe the consumer. */
  linkUp(): void {
    for (const stream of this.#sources.keys()) this.#doubtful.add(stream);
    this.#wake?.();
    this.#lookNow();
  }

  refused(subject: string, error: Error): void {
    for (const source of this.#sources.values()) source.refused(subject, error);
  }

  #pull(): void {
    for (const source of this.#sources.values()) source.pull();
  }

  /** Opens the consumers, until that has succeeded once or another attempt is useless. */
  async #keepPlacing(): Promise<void> {
    while (!this.#isStopped) {
      const error = await this.#tryToPlace();
      if (error === undefined) return;
      if (!error.retryable && !this.#wasPlaced) throw error;
      await this.#pauseAfter(error);
    }
  }

  async #tryToPlace(): Promise<TransportError | undefined> {
    const { link } = this.#tools;
    if (!link.isUp)
      return link.problem ?? errorOf('TRANSPORT_BROKER_UNREACHABLE', 'not connected.', { retryable: true });
    try {
      const { topic } = this.subscription;
      const streams = await this.#tools.streams.holding(topic);
      for (const stream of streams)
        if (!this.#sources.has(stream) || this.#doubtful.has(stream)) await this.#place(stream);
      if (this.#isStopped) return undefined;
      await this.#dropOthers(streams);
      this.#placed();
      return undefined;
    } catch (error) {
      return error instanceof TransportError ? error : link.errorFor(error, this.#notices.what);
    }
  }

  async #place(stream: string): Promise<void> {
    const known = this.#sources.get(stream);
    const place = await this.#tools.consumers.place(this.#asOf(known), stream, known?.place);
    if (this.#isStopped) return;
    if (known !== undefined && place.isNew)
      this.#problem = this.#notices.crashed(goneError(this.#notices.what, place), 0);
    const source = known ?? new Source(this.#tools, this, place);
    this.#sources.set(stream, source);
    this.#doubtful.delete(stream);
    source.open(place);
    this.#warnOfLimit(place);
    if (place.startWarning !== undefined) this.#notices.warn(place.startWarning);
    this.#listenToAbandoned(stream, place);
  }

  /** Warns once for each limit. */
  #warnOfLimit(place: ConsumerPlace): void {
    const { stream, maxDeliveries } = place;
    if (maxDeliveries !== undefined && this.#limits.get(stream) !== maxDeliveries)
      this.#notices.limitedDeliveries(place);
    this.#limits.set(stream, maxDeliveries);
  }

  /** A stream that a pattern finds later held no messages when the subscription started, so it is read from the beginning. */
  #asOf(known: Source | undefined): Subscription {
    const isLater = this.#wasPlaced && known === undefined;
    return isLater ? { ...this.subscription, startFrom: 'beginning' } : this.subscription;
  }

  #listenToAbandoned(stream: string, place: ConsumerPlace): void {
    this.#abandoned.get(stream)?.();
    const tell = (sequence: number, deliveries: number): void => this.#notices.abandoned(place, sequence, deliveries);
    this.#abandoned.set(stream, listenToAbandoned(this.#tools.link, place, tell));
  }

  /** A stream that no longer holds the topic is read to its end. */
  async #dropOthers(streams: readonly string[]): Promise<void> {
    for (const [stream, source] of this.#sources) {
      if (streams.includes(stream)) continue;
      const standing = await this.#tools.consumers.standing(source.place);
      if (standing === undefined || standing.pending + standing.unsettled === 0) this.#drop(stream, source);
      else if (this.#doubtful.has(stream)) await this.#place(stream);
    }
  }

  #drop(stream: string, source: Source): void {
    this.#sources.delete(stream);
    this.#doubtful.delete(stream);
    this.#abandoned.get(stream)?.();
    void source.close().catch(ignore);
  }

  #placed(): void {
    if (this.#problem !== undefined && this.#wasPlaced) this.#notices.recovered();
    this.#problem = undefined;
    this.#restarts = 0;
    this.#wasPlaced = true;
  }

  #lookLater(): void {
    this.#callOffLook?.();
    this.#callOffLook = this.#tools.host.clock.schedule(LOOK_MS, () => {
      this.#callOffLook = undefined;
      void this.#look().finally(() => {
        if (!this.#isStopped) this.#lookLater();
      });
    });
  }

  /** Records what is settled, in case the consumer is deleted later; detects deleted consumers. */
  async #look(): Promise<void> {
    if (!this.#tools.link.isUp || this.#placing !== undefined) return;
    try {
      for (const source of this.#sources.values()) {
        const standing = await this.#tools.consumers.standing(source.place);
        if (standing === undefined) this.doubted(source);
        else source.standsAt(standing);
      }
      await this.#lookForStreams();
    } catch {
      // Any failure is covered by the next check.
    }
  }

  async #lookForStreams(): Promise<void> {
    const streams = await this.#tools.streams.find(this.subscription.topic);
    const isNew = streams.some((stream) => !this.#sources.has(stream));
    // A pattern may match no stream for a while; a topic without a stream receives nothing.
    if (isNew || (streams.length === 0 && !isTopicPattern(this.subscription.topic))) this.#lookNow();
  }

  /** Finds the consumers again, or recreates them. */
  #lookNow(): void {
    if (this.#isStopped || !this.#wasPlaced || this.#placing !== undefined || !this.#tools.link.isUp) return;
    void this.#placeAll();
  }

  /** Runs one at a time: two would open two sources of one stream, and only one of them would be closed. */
  #placeAll(): Promise<void> {
    return (this.#placing ??= this.#keepPlacing().finally(() => {
      this.#placing = undefined;
      if (this.#doubtful.size > 0) this.#lookNow();
    }));
  }

  async #pauseAfter(cause: TransportError): Promise<void> {
    const restartInMs = Math.min(MAX_RESTART_MS, FIRST_RESTART_MS * 2 ** this.#restarts);
    this.#restarts++;
    // A lost connection is reported separately.
    if (this.#tools.link.isUp) this.#problem = this.#notices.crashed(cause, restartInMs);
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const callOff = this.#tools.host.clock.schedule(restartInMs, () => this.#wake?.());
      this.#wake = () => {
        callOff();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  async #closeSource(source: Source): Promise<void> {
    await source.close();
    if (!this.#tools.link.isUp) return;
    if (this.subscription.delivery === 'every-instance') await this.#tools.consumers.remove(source.place).catch(ignore);
    else if (source.pin !== '') await this.#tools.consumers.unpin(source.place, source.pin).catch(ignore);
  }
}

const ignore = (): void => undefined;
