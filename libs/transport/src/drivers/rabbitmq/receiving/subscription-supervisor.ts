import type { ChannelModel } from 'amqplib';
import type { BrokerHost, SubscriptionSink } from '../../../contract/index.js';
import { isTopicPattern, matchesTopic, TransportError } from '../../../contract/index.js';
import { BindingWatch } from '../topology/binding-watch.js';
import { channelError, errorOf, isQueueMissing, replyTextOf } from '../client/failures.js';
import { GivenBack } from './given-back.js';
import { Intake, type IntakeParts, type Memories } from './intake.js';
import type { Link } from '../client/link.js';
import type { RabbitmqRecord } from '../mapping.js';
import { LostAcks } from './lost-acks.js';
import { heldQueueOf } from '../topology/names.js';
import { QueueHealth } from './queue-health.js';
import { QueueReader } from './queue-reader.js';
import type { SubscribedQueue } from '../topology/topology.js';
import { pause, within } from '../../kit/waits.js';

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** How long the server may take for each step of a close. */
const GOODBYE_MS = 2_000;
/** How long the server may take to confirm the consumer at the first start. */
const FIRST_PLACING_MS = 60_000;
/** Later it may take the current backoff times this factor: 6 s at first. */
const PLACING_FACTOR = 30;

/** One life of a subscription: its queue, the channels that consume it, and the received messages. */
interface Life {
  /** False while its readers are opening. */
  isPlaced: boolean;
  readonly queue: SubscribedQueue;
  readonly intake: Intake;
  readonly readers: QueueReader[];
  readonly bindings: BindingWatch;
  readonly health: QueueHealth;
}

/** Keeps one subscription consuming: after the loss of channel, queue or connection it declares everything again and restarts. */
export class SubscriptionSupervisor {
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #parts: IntakeParts;
  readonly #each: SubscriptionSink;
  readonly #memories: Memories = { givenBack: new GivenBack(), lostAcks: new LostAcks() };
  readonly #unwatch: () => void;
  #life: Life | undefined;
  #beginning: Promise<void> | undefined;
  #error: TransportError | undefined;
  /** Whether it was reported that the subscription is down. */
  #isTold = false;
  #isWarned = false;
  #wasPlaced = false;
  #waitMs = FIRST_WAIT_MS;
  #callOffRestart: (() => void) | undefined;
  readonly #closing = new AbortController();
  #isStopped = false;
  #closed: Promise<void> | undefined;

  constructor(parts: IntakeParts, each: SubscriptionSink) {
    this.#host = parts.host;
    this.#link = parts.link;
    this.#parts = parts;
    this.#each = each;
    this.#unwatch = parts.link.watch({ opened: () => this.#beginAgain() });
  }

  /** Resolves when the queue is bound and consumed. @throws TransportError */
  async start(): Promise<void> {
    await this.#begin();
  }

  /** Describes why the subscription is down, in one sentence; undefined when messages flow. */
  get problem(): string | undefined {
    if (this.#isStopped || this.#life?.isPlaced === true) return undefined;
    const { topic, group } = this.#each.subscription;
    return `subscription "${topic}" of group "${group}" is down: ${this.#error?.message ?? 'it is starting'}`;
  }

  /** Describes what delays a part of the messages. */
  get stall(): string | undefined {
    const { bindings, intake } = this.#life ?? {};
    return bindings?.problem ?? intake?.problem;
  }

  /** As `Consumption.waiting`. */
  async waiting(): Promise<number | undefined> {
    const life = this.#life;
    if (life === undefined || this.#beginning !== undefined || !this.#isActive(life)) return undefined;
    const states = await Promise.all(life.readers.map(({ queue }) => this.#parts.inspector.stateOf(queue)));
    const pending = life.intake.pending(life.readers);
    if (this.#life !== life || pending === undefined || states.includes(undefined)) return undefined;
    return states.reduce((sum, state) => sum + (state?.ready ?? 0), pending);
  }

  /** RabbitMQ does not report which consumer is the active one. A reader that has received something is active while its channel is open. */
  #isActive({ queue, readers }: Life): boolean {
    const { singleActiveConsumer, provision } = this.#parts.options;
    const isShared = !queue.isInstances && (singleActiveConsumer || !provision);
    return !isShared || readers.some(({ received }) => received > 0);
  }

  /** A publish found that a topic reaches no queue, so not this one either. */
  unfed(topic: string, error: TransportError): void {
    if (matchesTopic(this.#each.subscription.topic, topic)) void this.#life?.bindings.look(error);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#callOffRestart?.();
    await this.#beginning?.catch(() => undefined);
    // The consumer stays registered: without it the next single active consumer would start at once, alongside the handlers
    // that still run here.
    this.#life?.intake.stop();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Limits each step, because a server that does not respond must not delay the close. */
  async #close(): Promise<void> {
    const { clock } = this.#host;
    this.#closing.abort();
    this.#unwatch();
    await within(clock, GOODBYE_MS, this.stop());
    const life = this.#life;
    this.#life = undefined;
    if (life === undefined) return;
    life.bindings.stop();
    await life.intake.returned();
    await within(clock, GOODBYE_MS, life.intake.leaveNotes());
    life.intake.revokeAll();
    await within(clock, GOODBYE_MS, Promise.all(life.readers.map((reader) => reader.close())));
    if (!life.queue.isInstances) return;
    const queues = [life.queue.name, ...life.intake.delayQueues];
    await within(clock, GOODBYE_MS, this.#parts.topology.deleteQueues(queues));
  }

  #begin(): Promise<void> {
    this.#beginning ??= this.#makeLife().finally(() => (this.#beginning = undefined));
    return this.#beginning;
  }

  async #makeLife(): Promise<void> {
    const { subscription } = this.#each;
    const model = await this.#link.open();
    const { topic } = subscription;
    const queue = await this.#parts.topology.ensureQueue(subscription);
    if (queue.isOld) this.#warnOfOldQueue(queue);
    const hasHeld = !isTopicPattern(topic) && (await this.#parts.topology.hasHeld(topic));
    const queues = hasHeld ? [queue.name, heldQueueOf(topic)] : [queue.name];
    const intake = new Intake(this.#parts, this.#each, queue, this.#memories);
    const life: Life = {
      isPlaced: false,
      ...{ queue, intake, readers: [] },
      bindings: this.#watchBindings(queue),
      health: new QueueHealth(this.#host.clock, this.#parts.inspector, this.#closing.signal),
    };
    this.#life = life;
    try {
      for (const name of queues) life.readers.push(await this.#inTime(this.#read(model, name, life), name));
      life.isPlaced = true;
      this.#wasPlaced = true;
    } catch (error) {
      this.#forget(life);
      throw channelError(error, `cannot consume queue "${queue.name}"`, topic);
    }
  }

  /** Limits the time to open a reader, because a quorum queue without a majority never responds. */
  async #inTime(opening: Promise<QueueReader>, queue: string): Promise<QueueReader> {
    const limitMs = this.#wasPlaced ? this.#waitMs * PLACING_FACTOR : FIRST_PLACING_MS;
    const { clock } = this.#host;
    const ended = new AbortController();
    const late = pause(clock, limitMs, ended.signal).then(() => undefined);
    const reader = await Promise.race([opening, late]).finally(() => ended.abort());
    if (reader !== undefined) return reader;
    opening.then((tooLate) => tooLate.close()).catch(() => undefined);
    throw new Error(
      `RabbitMQ did not answer within ${limitMs} ms. A quorum queue ("${queue}") needs a majority of its nodes`,
    );
  }

  /** Warns once. */
  #warnOfOldQueue({ name }: SubscribedQueue): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    const { topic, group } = this.#each.subscription;
    const warning = `queue "${name}" was declared by an earlier version, without a dead-letter queue. Messages that RabbitMQ drops from it at the delivery-limit of a policy are lost. Stop its services and delete the queue while it is empty, or set the policy in "Queues of earlier versions" of https://github.com/nest-transport/nest-transport/blob/main/docs/drivers/rabbitmq.md.`;
    this.#host.notices.emit('subscription:warned', { broker: this.#host.broker, topic, group, warning });
  }

  #watchBindings(queue: SubscribedQueue): BindingWatch {
    const { topic } = this.#each.subscription;
    return new BindingWatch({
      clock: this.#host.clock,
      everyMs: this.#parts.options.topologyCheckMs,
      // Without a connection there is nothing to check, and this life ends.
      renew: async () => {
        if (this.#link.model === undefined) return undefined;
        const gone = await this.#parts.topology.renewBindings(queue, topic).catch((error: TransportError) => {
          if (isQueueMissing(error.cause)) this.#vanished(queue, error);
          throw error;
        });
        await this.#checkDelivery(queue);
        return gone;
      },
      lost: (error, againInMs) => this.#tellCrashed(error, againInMs),
      back: () => this.#recovered(),
    });
  }

  /**
   * Checks that the queue delivers. The server does not report the loss of a majority, and keeps the channel open when it loses a consumer.
   * @throws TransportError
   */
  async #checkDelivery(queue: SubscribedQueue): Promise<void> {
    const life = this.#life;
    if (life?.queue !== queue || !life.isPlaced) return;
    const problem = await life.health.problem(life.readers);
    if (problem === undefined || this.#life !== life || this.#isStopped) return;
    const { topic } = this.#each.subscription;
    const text = `queue "${queue.name}" delivers nothing: ${problem.text}.`;
    const error = errorOf('TRANSPORT_SUBSCRIPTION_CRASHED', text, { topic, retryable: true });
    if (problem.isForgotten) this.#ended(life, error);
    else throw error;
  }

  /** Handles a deleted queue, because RabbitMQ does not notify consumers on every node of a quorum queue. */
  #vanished(queue: SubscribedQueue, error: TransportError): void {
    const life = this.#life;
    if (life?.queue === queue) this.#ended(life, error);
  }

  async #read(model: ChannelModel, queue: string, life: Life): Promise<QueueReader> {
    // Records may arrive before the server confirms the consumer.
    const early: RabbitmqRecord[] = [];
    let take = (record: RabbitmqRecord): void => void early.push(record);
    const events = {
      record: (record: RabbitmqRecord) => take(record),
      ended: (failure: Error | undefined) => this.#ended(life, failure),
    };
    const { clock } = this.#host;
    const reader = await QueueReader.open({
      model,
      clock,
      queue,
      prefetch: this.#prefetch,
      events,
    });
    take = (record) => life.intake.take(record, reader);
    early.forEach(take);
    return reader;
  }

  get #prefetch(): number {
    const { maxInFlight } = this.#each.subscription;
    const { singleActiveConsumer, maxUnsettled } = this.#parts.options;
    // A single active consumer takes no messages from others, and its prefetch cannot grow: a helper would not be active.
    return singleActiveConsumer ? maxUnsettled : maxInFlight;
  }

  #forget(life: Life): void {
    if (this.#life === life) this.#life = undefined;
    life.bindings.stop();
    life.intake.revokeAll();
    for (const reader of life.readers) void reader.close();
  }

  #ended(life: Life, failure: Error | undefined): void {
    if (this.#life !== life || this.#closed !== undefined) return;
    this.#forget(life);
    // The connection was lost: the link watcher restarts everything when it is back.
    if (failure === undefined || this.#isStopped) return;
    const { topic } = this.#each.subscription;
    const text = `queue "${life.queue.name}" is no longer consumed: ${replyTextOf(failure)}.`;
    this.#crashed(errorOf('TRANSPORT_SUBSCRIPTION_CRASHED', text, { topic, retryable: true, cause: failure }));
  }

  #tellCrashed(error: TransportError, restartInMs: number): void {
    const { topic, group } = this.#each.subscription;
    this.#isTold = true;
    this.#host.notices.emit('subscription:crashed', { broker: this.#host.broker, topic, group, error, restartInMs });
  }

  #crashed(error: TransportError): void {
    this.#error = error;
    const restartInMs = this.#waitMs;
    this.#tellCrashed(error, restartInMs);
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
    this.#callOffRestart?.();
    this.#callOffRestart = this.#host.clock.schedule(restartInMs, () => this.#beginAgain());
  }

  #beginAgain(): void {
    if (this.#isStopped || this.#life !== undefined || this.#closed !== undefined) return;
    // Without a connection nothing can start; the link calls again when it is connected.
    if (this.#link.model === undefined) return;
    this.#begin().then(
      () => this.#recovered(),
      (error: unknown) => {
        if (this.#isStopped) return;
        this.#crashed(error instanceof TransportError ? error : channelError(error, 'cannot subscribe'));
      },
    );
  }

  #recovered(): void {
    this.#waitMs = FIRST_WAIT_MS;
    this.#error = undefined;
    if (!this.#isTold) return;
    this.#isTold = false;
    const { topic, group } = this.#each.subscription;
    this.#host.notices.emit('subscription:recovered', { broker: this.#host.broker, topic, group });
  }
}
