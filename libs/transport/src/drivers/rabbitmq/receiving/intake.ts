import type {
  BrokerHost,
  DeliveryState,
  Settlement,
  Subscription,
  SubscriptionSink,
  TransportError,
} from '../../../contract/index.js';
import { ACK, isTopicPattern, settlementFailed } from '../../../contract/index.js';
import { DelayedRedelivery, type ParcelStore } from './delayed-redelivery.js';
import { Deadlines } from './deadlines.js';
import { RabbitmqDelivery, type DeliveryOwner } from './delivery.js';
import { AttemptNotes } from './attempt-notes.js';
import type { ConnectionLease } from '../client/connection-lease.js';
import type { GivenBack } from './given-back.js';
import { Handover } from '../../kit/handover.js';
import type { Link } from '../client/link.js';
import type { RabbitmqRecord } from '../mapping.js';
import { pastOf } from '../mapping.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { RecentAcks, type LostAcks } from './lost-acks.js';
import type { QueueInspector } from '../topology/queue-inspector.js';
import type { QueueReader } from './queue-reader.js';
import { RoomToWait, type Load } from './room-to-wait.js';
import type { SubscribedQueue, Topology } from '../topology/topology.js';
import { pause, within } from '../../kit/waits.js';

/** Pauses between two attempts to store the retry copy of a failed message. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** How long a close waits for retry copies in flight. The broker redelivers the messages that are left. */
const RETURN_PATIENCE_MS = 5_000;

const byArrival = (a: RabbitmqDelivery, b: RabbitmqDelivery): number =>
  a.receivedAtMs - b.receivedAtMs || a.raw.fields.deliveryTag - b.raw.fields.deliveryTag;

/** The parts of an intake. */
export interface IntakeParts {
  readonly host: BrokerHost;
  readonly topology: Topology;
  readonly store: ParcelStore;
  readonly link: Link;
  readonly inspector: QueueInspector;
  readonly options: ResolvedRabbitmqOptions;
}

/** State that outlives the channels of a subscription. */
export interface Memories {
  readonly givenBack: GivenBack;
  readonly lostAcks: LostAcks;
}

type Settled = Pick<RabbitmqDelivery, 'topic' | 'group' | 'id' | 'key' | 'attempt'>;

/**
 * The messages of one subscription in this process while its channels are open: turns records into deliveries, and
 * settlements into acks or retry copies.
 */
export class Intake implements DeliveryOwner, Load {
  readonly #parts: IntakeParts;
  readonly #subscription: Subscription;
  readonly #isPattern: boolean;
  readonly #each: SubscriptionSink;
  readonly #handover: Handover<RabbitmqDelivery>;
  readonly #redelivery: DelayedRedelivery;
  readonly #room: RoomToWait;
  /** Undefined when nothing may be declared. */
  readonly #notes: AttemptNotes | undefined;
  /** Unsettled deliveries with the reader of each. */
  readonly #unsettled = new Map<RabbitmqDelivery, QueueReader>();
  /** Recalled while the lease was in doubt, oldest first, with the reader of each. */
  #recalled: [RabbitmqDelivery, QueueReader][] = [];
  readonly #lease: ConnectionLease | undefined;
  readonly #unwatchLease: () => void;
  /** Retry copies in flight to the broker. */
  readonly #returning = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #givenBack: GivenBack;
  readonly #lostAcks: LostAcks;
  readonly #recentAcks = new RecentAcks();
  readonly #deadlines: Deadlines<RabbitmqDelivery>;

  /** @param memories outlive this intake: messages that it requeues may return to the next one */
  constructor(parts: IntakeParts, each: SubscriptionSink, queue: SubscribedQueue, { givenBack, lostAcks }: Memories) {
    this.#parts = parts;
    this.#givenBack = givenBack;
    this.#lostAcks = lostAcks;
    this.#each = each;
    this.#subscription = each.subscription;
    this.#isPattern = isTopicPattern(each.subscription.topic);
    this.#handover = new Handover<RabbitmqDelivery>(each.sink, each.subscription.maxInFlight);
    this.#redelivery = new DelayedRedelivery(parts.host.clock, parts.topology, parts.store, queue);
    const { consumerTimeoutMs, provision } = parts.options;
    const { host, link, topology, store } = parts;
    const { topic } = this.#subscription;
    this.#notes = provision ? new AttemptNotes(host.clock, link, topology, store, queue.name, topic) : undefined;
    this.#room = new RoomToWait(each.subscription, parts.options.maxUnsettled, this, () =>
      this.#warn(this.#stalledBecause),
    );
    const unsettled = (): Iterable<RabbitmqDelivery> => this.#unsettled.keys();
    this.#lease = link.lease;
    this.#unwatchLease = this.#lease?.whenConfirmed(() => this.#handOverAgain()) ?? (() => undefined);
    this.#deadlines = new Deadlines(host.clock, consumerTimeoutMs, unsettled, (late) => this.#giveBack(late));
  }

  get delayQueues(): readonly string[] {
    return this.#redelivery.queues;
  }

  take(record: RabbitmqRecord, reader: QueueReader): void {
    const past = pastOf(record);
    const { topic, group } = this.#subscription;
    const from = this.#isPattern ? (past.topic ?? record.fields.routingKey) : topic;
    const attempt = past.attempts + 1;
    const { clock } = this.#parts.host;
    const { deliveries: suspicion } = past;
    const delivery = new RabbitmqDelivery(this, record, from, group, attempt, clock.monotonicMs(), suspicion);
    if (this.#isOurs) return this.#accept(delivery, reader, past);
    delivery.revoke();
    this.#recalled.push([delivery, reader]);
  }

  #accept(delivery: RabbitmqDelivery, reader: QueueReader, past = pastOf(delivery.raw)): void {
    this.#unsettled.set(delivery, reader);
    const leftMs = past.dueAt === 0 ? 0 : past.dueAt - this.#parts.host.clock.now();
    if (leftMs > 0) return this.#comeAgain(delivery, reader, leftMs, past.attempts);
    if (past.deliveries > 0) this.#recallPast(delivery);
    const knowledge = past.deliveries > 0 ? this.#notes?.recall(delivery) : undefined;
    if (knowledge !== undefined) this.#handover.waitFor(knowledge);
    this.#handover.push(delivery);
    this.#room.look(reader);
  }

  #recallPast(delivery: RabbitmqDelivery): void {
    this.#givenBack.recall(delivery);
    const attempt = this.#lostAcks.recall(delivery.id);
    if (attempt === undefined) return;
    const { topic, group, id, key } = delivery;
    this.#failed(
      { topic, group, id, key, attempt },
      ACK,
      'RabbitMQ delivered the message again: the ack was lost with its channel.',
    );
  }

  #failed(message: Settled, settlement: Settlement, why: string): void {
    settlementFailed(this.#parts.host, message, settlement, why);
  }

  settled(delivery: RabbitmqDelivery, settlement: Settlement): void {
    const reader = this.#unsettled.get(delivery);
    if (reader === undefined) return;
    if (settlement.kind === 'nack') return this.#comeAgain(delivery, reader, settlement.delayMs, delivery.attempt);
    this.#done(delivery, reader);
  }

  parked(delivery: RabbitmqDelivery): void {
    const reader = this.#unsettled.get(delivery);
    if (reader !== undefined) this.#room.look(reader);
  }

  mayBegin(): boolean {
    if (this.#isOurs) return true;
    this.#recall();
    return false;
  }

  get #isOurs(): boolean {
    return this.#lease?.holds !== false;
  }

  /** Recalls queued and parked messages until the server has confirmed the connection. Running handlers continue. */
  #recall(): void {
    const idle = [...this.#unsettled].filter(([{ state }]) => state === 'queued' || state === 'parked');
    for (const [delivery] of idle) {
      delivery.revoke();
      this.#unsettled.delete(delivery);
    }
    this.#recalled.push(...idle);
    if (idle.length > 0) this.#each.sink.revoked();
  }

  #handOverAgain(): void {
    const recalled = this.#recalled.splice(0).filter(([, reader]) => reader.isOpen);
    const all = [...this.#unsettled, ...recalled].sort(([a], [b]) => byArrival(a, b));
    this.#unsettled.clear();
    for (const [delivery, reader] of all) {
      if (delivery.state === 'revoked') this.#accept(delivery.again(), reader);
      else this.#unsettled.set(delivery, reader);
    }
  }

  get sinkIsIdle(): boolean {
    return this.#handover.isIdle;
  }

  /**
   * Counts received messages that the sink does not have. Undefined when the server should deliver no more: the sink or the driver
   * holds intake back, or the messages with the sink use the whole prefetch.
   */
  pending(readers: readonly QueueReader[]): number | undefined {
    const { isHeldUp, held: waiting } = this.#handover;
    if (isHeldUp || !this.#isOurs || this.#recalled.length > 0) return undefined;
    const capacity = readers.reduce((sum, reader) => sum + reader.capacity, 0);
    return this.#unsettled.size - waiting >= capacity ? undefined : waiting;
  }

  *states(reader: QueueReader): Iterable<DeliveryState> {
    for (const [{ state }, each] of this.#unsettled) if (each === reader) yield state;
  }

  /** Describes a stall in one sentence. */
  get problem(): string | undefined {
    if (!this.#room.isStalled) return undefined;
    const { topic, group } = this.#subscription;
    return `subscription "${topic}" of group "${group}" ${this.#stalledBecause}`;
  }

  get #stalledBecause(): string {
    return `receives nothing more: ${this.#parts.options.maxUnsettled} messages (maxUnsettled) wait here for a retry, or behind a message that does`;
  }

  #warn(warning: string): void {
    const { notices, broker } = this.#parts.host;
    const { topic, group } = this.#subscription;
    notices.emit('subscription:warned', { broker, topic, group, warning });
  }

  #giveBack(late: readonly RabbitmqDelivery[]): void {
    const running = late.filter(({ state }) => state === 'running').length;
    const { consumerTimeoutMs } = this.#parts.options;
    this.#warn(
      `requeued ${late.length} messages (handlers of ${running} are still running), because RabbitMQ closes a channel with a message that is not acknowledged within ${consumerTimeoutMs} ms (consumerTimeoutMs)`,
    );
    for (const delivery of late) {
      this.#givenBack.remember(delivery);
      delivery.revoke();
      this.#unsettled.get(delivery)?.giveBack(delivery.raw);
      this.#unsettled.delete(delivery);
    }
    this.#each.sink.revoked();
  }

  /** Delivers nothing new. */
  stop(): void {
    this.#handover.end();
  }

  /** Writes the attempts that the broker does not know, for the next consumer of the messages. */
  async leaveNotes(): Promise<void> {
    const idle = [...this.#unsettled.keys()].filter(({ state }) => state === 'parked' || state === 'queued');
    await this.#notes?.write([...idle, ...this.#recalled.map(([delivery]) => delivery)]);
  }

  /** Revokes all deliveries. None of them will be settled. */
  revokeAll(): void {
    this.#handover.end();
    this.#ending.abort();
    this.#deadlines.stop();
    this.#unwatchLease();
    this.#lostAcks.remember(this.#recentAcks);
    for (const [delivery] of this.#recalled.splice(0)) this.#givenBack.remember(delivery);
    const deliveries = [...this.#unsettled.keys()];
    this.#unsettled.clear();
    for (const delivery of deliveries) {
      if (delivery.state === 'queued' || delivery.state === 'parked') this.#givenBack.remember(delivery);
      delivery.revoke();
    }
    if (deliveries.length > 0) this.#each.sink.revoked();
  }

  /** Resolves when no retry copy is in flight, or after a limit. */
  async returned(): Promise<void> {
    await within(this.#parts.host.clock, RETURN_PATIENCE_MS, Promise.all(this.#returning));
  }

  #comeAgain(delivery: RabbitmqDelivery, reader: QueueReader, delayMs: number, attempts: number): void {
    const dueMs = this.#parts.host.clock.monotonicMs() + delayMs;
    const returning = this.#giveToBroker(delivery, reader, dueMs, attempts).finally(() =>
      this.#returning.delete(returning),
    );
    this.#returning.add(returning);
  }

  /** Keeps the original unsettled until the copy is stored, so that a crash in between duplicates the message and never loses it. */
  async #giveToBroker(delivery: RabbitmqDelivery, reader: QueueReader, dueMs: number, attempts: number): Promise<void> {
    const { clock } = this.#parts.host;
    for (let pauseMs = FIRST_PAUSE_MS; reader.isOpen; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      const problem = await this.#redelivery.put(delivery, dueMs - clock.monotonicMs(), attempts);
      if (problem === undefined) return this.#done(delivery, reader);
      this.#tellNotReturned(delivery, problem);
      await pause(clock, pauseMs, this.#ending.signal);
    }
    if (delivery.state !== 'settled') return;
    const settlement = { kind: 'nack', delayMs: Math.max(0, dueMs - clock.monotonicMs()) } as const;
    this.#failed(delivery, settlement, 'The channel closed before the copy for the retry was stored.');
  }

  #done(delivery: RabbitmqDelivery, reader: QueueReader): void {
    if (!this.#unsettled.delete(delivery)) return;
    if (reader.ack(delivery.raw)) this.#recentAcks.add(delivery.id, delivery.attempt);
    else this.#failed(delivery, ACK, 'The channel has closed.');
    this.#room.look(reader);
  }

  #tellNotReturned({ topic }: RabbitmqDelivery, error: TransportError): void {
    const { host } = this.#parts;
    host.notices.emit('publish:failed', { broker: host.broker, topic, messages: 1, error });
  }
}
