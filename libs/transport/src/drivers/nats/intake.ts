import {
  isTopicPattern,
  TransportError,
  type BrokerHost,
  type Reply,
  type Subscription,
  type SubscriptionSink,
} from '../../contract/index.js';
import type { Answers } from './answers.js';
import type { Consumers, ConsumerPlace } from './consumers.js';
import type { NatsDelivery } from './delivery.js';
import { errorOf } from './failures.js';
import { Handover } from './handover.js';
import type { Link, LinkListener } from './link.js';
import type { NatsMessage, ReadHeaders } from './mapping.js';
import { Source, type SourceOwner } from './source.js';
import type { Streams } from './streams.js';

export interface IntakeTools {
  readonly host: BrokerHost;
  readonly link: Link;
  readonly streams: Streams;
  readonly consumers: Consumers;
  readonly answers: Answers;
}

/** Waits between two tries to get a consumer going: doubling, then steady. */
const FIRST_RESTART_MS = 200;
const MAX_RESTART_MS = 3_000;
/** How often a consumer is looked at, whatever happens; also how often a pattern looks for streams that are new. */
const LOOK_MS = 5_000;

/**
 * One subscription: a consumer on the stream that holds its topic, or on each stream that holds a part of its pattern. It keeps
 * them alive: whatever is deleted under it is found, made again where the driver may, and told.
 */
export class SubscriptionIntake implements SourceOwner, LinkListener {
  readonly subscription: Subscription;
  readonly #tools: IntakeTools;
  readonly #handover: Handover;
  readonly #sink: SubscriptionSink['sink'];
  readonly #sources = new Map<string, Source>();
  readonly #stopListening: () => void;
  #problem: TransportError | undefined;
  #restarts = 0;
  #isStopped = false;
  #wasPlaced = false;
  #placing: Promise<void> | undefined;
  #callOffLook: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(tools: IntakeTools, { subscription, sink }: SubscriptionSink) {
    this.#tools = tools;
    this.#sink = sink;
    this.subscription = subscription;
    this.#handover = new Handover(sink, subscription.maxInFlight, () => this.#pull());
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
    return this.#problem !== undefined;
  }

  /** Resolves when the consumers are there and read; waits out what another try can mend. @throws TransportError what it cannot */
  async start(): Promise<void> {
    await this.#keepPlacing();
    if (!this.#isStopped) this.#lookLater();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#callOffLook?.();
    this.#stopListening();
    this.#wake?.();
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

  deliver(delivery: NatsDelivery): void {
    this.#handover.add(delivery);
  }

  revoked(): void {
    this.#sink.revoked();
  }

  stalled({ place }: Source, reason: string | undefined): void {
    const { broker, notices } = this.#tools.host;
    const { topic, group } = this.subscription;
    if (reason === undefined) return notices.emit('subscription:resumed', { broker, topic, group, partition: 0 });
    const unsettledOffset = String(place.settledUpTo + 1);
    notices.emit('subscription:stalled', { broker, topic, group, partition: 0, unsettledOffset, reason });
  }

  answer(address: string, reply: Reply): void {
    this.#tools.answers.send(address, reply);
  }

  answerAddress(_message: NatsMessage, { replyTo }: ReadHeaders): string | undefined {
    return this.#tools.answers.isAddress(replyTo) ? replyTo : undefined;
  }

  doubted(): void {
    this.#lookNow();
  }

  linkDown(): void {
    for (const source of this.#sources.values()) source.linkDown();
  }

  /** n.b. the server has forgotten what was asked for, and maybe the consumer. */
  linkUp(): void {
    this.#wake?.();
    if (this.#wasPlaced) this.#lookNow();
  }

  #pull(): void {
    for (const source of this.#sources.values()) source.pull();
  }

  /** Makes sure of the consumers, until it has worked once or there is no use in trying. */
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
      for (const stream of streams) await this.#place(stream);
      if (this.#isStopped) return undefined;
      for (const [stream, source] of this.#sources) if (!streams.includes(stream)) this.#drop(stream, source);
      this.#placed();
      return undefined;
    } catch (error) {
      return error instanceof TransportError ? error : link.errorFor(error, this.#what());
    }
  }

  async #place(stream: string): Promise<void> {
    const known = this.#sources.get(stream);
    const place = await this.#tools.consumers.place(this.#asOf(known), stream, known?.place);
    if (this.#isStopped) return;
    if (known !== undefined && place.isNew) this.#tellCrashed(goneError(this.#what(), place), 0);
    const source = known ?? new Source(this.#tools, this, place);
    this.#sources.set(stream, source);
    source.open(place);
    if (known === undefined) this.#warnOf(place);
  }

  /** n.b. a stream that a pattern finds later holds nothing that was there before the subscription began. */
  #asOf(known: Source | undefined): Subscription {
    const isLater = this.#wasPlaced && known === undefined;
    return isLater ? { ...this.subscription, startFrom: 'beginning' } : this.subscription;
  }

  #drop(stream: string, source: Source): void {
    this.#sources.delete(stream);
    void source.close().catch(ignore);
  }

  #placed(): void {
    const { broker, notices } = this.#tools.host;
    const { topic, group } = this.subscription;
    if (this.#problem !== undefined && this.#wasPlaced) {
      notices.emit('subscription:recovered', { broker, topic, group });
    }
    this.#problem = undefined;
    this.#restarts = 0;
    this.#wasPlaced = true;
  }

  #warnOf({ name, stream, maxDeliveries }: ConsumerPlace): void {
    if (maxDeliveries === undefined) return;
    const { broker, notices } = this.#tools.host;
    const { topic, group } = this.subscription;
    const warning = `its consumer "${name}" of stream "${stream}" has max_deliver ${maxDeliveries}: after so many deliveries the server leaves a message without telling, whatever retry says; set it to -1`;
    notices.emit('subscription:warned', { broker, topic, group, warning });
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

  /** Remembers what is settled, for the day on which a consumer is gone; finds out that one is. */
  async #look(): Promise<void> {
    if (!this.#tools.link.isUp || this.#placing !== undefined) return;
    try {
      for (const source of this.#sources.values()) {
        const settled = await this.#tools.consumers.settledUpTo(source.place);
        if (settled === undefined) return this.#lookNow();
        source.settledUpTo(settled);
      }
      if (isTopicPattern(this.subscription.topic)) await this.#lookForStreams();
    } catch {
      // Whatever it was: the next look comes.
    }
  }

  async #lookForStreams(): Promise<void> {
    const streams = await this.#tools.streams.find(this.subscription.topic);
    if (streams.some((stream) => !this.#sources.has(stream))) this.#lookNow();
  }

  /** Finds the consumers again, or makes them again. */
  #lookNow(): void {
    if (this.#isStopped || this.#placing !== undefined || !this.#tools.link.isUp) return;
    this.#placing = this.#keepPlacing().finally(() => (this.#placing = undefined));
  }

  async #pauseAfter(cause: TransportError): Promise<void> {
    const restartInMs = Math.min(MAX_RESTART_MS, FIRST_RESTART_MS * 2 ** this.#restarts);
    this.#restarts++;
    // n.b. a connection that is gone is told by itself.
    if (this.#tools.link.isUp) this.#tellCrashed(cause, restartInMs);
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

  #tellCrashed(cause: TransportError, restartInMs: number): void {
    const { broker, notices } = this.#tools.host;
    const { topic, group } = this.subscription;
    const text = `group "${group}" does not consume "${topic}": ${cause.message}`;
    const error = errorOf('TRANSPORT_SUBSCRIPTION_CRASHED', text, { retryable: true, topic, cause });
    this.#problem = error;
    notices.emit('subscription:crashed', { broker, topic, group, error, restartInMs });
  }

  #what(): string {
    const { topic, group } = this.subscription;
    return `cannot consume "${topic}" for group "${group}"`;
  }

  async #closeSource(source: Source): Promise<void> {
    await source.close();
    if (!this.#tools.link.isUp) return;
    if (this.subscription.delivery === 'every-instance') await this.#tools.consumers.remove(source.place).catch(ignore);
    else if (source.pin !== '') await this.#tools.consumers.unpin(source.place, source.pin).catch(ignore);
  }
}

const goneError = (what: string, { name, stream, settledUpTo }: ConsumerPlace): TransportError =>
  errorOf(
    'TRANSPORT_TOPIC_MISSING',
    `${what}: the consumer "${name}" of stream "${stream}" was deleted. It is made again behind message ${settledUpTo}; what was settled after that comes a second time.`,
    { retryable: true },
  );

const ignore = (): void => undefined;
