import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { BrokerHost, Reply, Subscription, SubscriptionSink, TransportError } from '../../../contract/index.js';
import type { Answers } from '../answers.js';
import { NatsDelivery, type DeliveryOwner } from './delivery.js';
import { Handover } from '../../kit/handover.js';
import type { Link, LinkListener } from '../client/link.js';
import type { NatsMessage, ReadHeaders } from '../mapping.js';
import { errorOf } from '../client/failures.js';
import { SubscriptionNotices } from './subscription-notices.js';
import { isWaitingSubject } from '../topology/waiting-subjects.js';

/** Milliseconds before a denied subscription is retried. */
const RETRY_MS = 3_000;

/**
 * One subscription to core NATS. The members of a group are a queue group: the server delivers each message to one connected
 * member. Core NATS has no settlement and no backpressure, so messages that arrive faster than they are handled are buffered here,
 * up to a limit.
 */
export class CoreIntake implements DeliveryOwner, LinkListener {
  readonly group: string;
  readonly subscription: Subscription;
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #answers: Answers;
  readonly #maxBuffered: number;
  readonly #handover: Handover<NatsDelivery>;
  readonly #stopListening: () => void;
  #connection: NatsConnection | undefined;
  #reading: NatsSubscription | undefined;
  readonly #notices: SubscriptionNotices;
  #isDropping = false;
  #isStopped = false;
  #hasStarted = false;
  /** Why the server denies the subscription. */
  #refusal: TransportError | undefined;
  #callOffRetry: (() => void) | undefined;

  constructor(
    host: BrokerHost,
    link: Link,
    answers: Answers,
    { subscription, sink }: SubscriptionSink,
    maxBuffered: number,
  ) {
    this.#host = host;
    this.#link = link;
    this.#answers = answers;
    this.#maxBuffered = maxBuffered;
    this.subscription = subscription;
    this.group = subscription.group;
    this.#notices = new SubscriptionNotices(host, subscription);
    this.#handover = new Handover<NatsDelivery>(sink, subscription.maxInFlight, () => undefined);
    this.#stopListening = link.listen(this);
  }

  get isDown(): boolean {
    return this.#refusal !== undefined;
  }

  /** One sentence while nothing is received or messages are dropped. */
  get problems(): string[] {
    const { topic, group } = this.subscription;
    if (this.#refusal !== undefined) return [this.#refusal.message];
    return this.#isDropping
      ? [`group "${group}" is too slow for "${topic}": messages are being dropped (maxBuffered)`]
      : [];
  }

  /** Subscribes; resolves when the server knows of the subscription. @throws TransportError `TRANSPORT_AUTHORIZATION_FAILED` */
  async start(): Promise<void> {
    this.#read();
    await this.#flush();
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#hasStarted = true;
  }

  /** The server reports a denied permission before it answers the flush; the client passes it on a few microtasks later. */
  async #flush(): Promise<void> {
    await this.#link.connection.flush().catch((error: unknown) => {
      throw this.#link.errorFor(error, `cannot subscribe to "${this.subscription.topic}"`, this.subscription.topic);
    });
    await nextTurn();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopListening();
    this.#callOffRetry?.();
    // Received messages are still delivered, because core NATS would not redeliver them.
    if (this.#link.isUp) await this.#reading?.drain().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.stop();
    this.#handover.end();
    if (this.#reading?.isClosed() === false) this.#reading.unsubscribe();
  }

  /** Always true: core NATS delivers a message once, so no other member has it. */
  mayBegin(): boolean {
    return true;
  }

  settled(): void {}

  parked(): void {}

  answer(address: string, reply: Reply): void {
    this.#answers.send(address, reply);
  }

  answerAddress({ reply }: NatsMessage, { replyTo }: ReadHeaders): string | undefined {
    return reply || (this.#answers.isAddress(replyTo) ? replyTo : undefined);
  }

  /** The client restores its subscriptions by itself, but not on a new connection. */
  linkUp(): void {
    if (this.#link.connection !== this.#connection) this.#read();
  }

  linkDown(): void {}

  #read(): void {
    const { topic, group, delivery } = this.subscription;
    // Two subscriptions on the server would receive every message twice.
    if (this.#reading?.isClosed() === false) this.#reading.unsubscribe();
    this.#connection = this.#link.connection;
    this.#reading = this.#connection.subscribe(topic, {
      ...(delivery === 'group' ? { queue: group } : {}),
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#refusedBy(error);
      },
    });
  }

  /** The permission may have been revoked while running, and may be granted again. */
  #refusedBy(cause: Error): void {
    const { topic } = this.subscription;
    const wasRefused = this.#refusal !== undefined;
    const code = 'TRANSPORT_AUTHORIZATION_FAILED';
    this.#refusal = errorOf(code, `${this.#notices.what}: ${cause.message}. Grant the user this permission.`, {
      topic,
      cause,
    });
    if (!this.#hasStarted || this.#isStopped) return;
    if (!wasRefused) this.#notices.crashed(this.#refusal, RETRY_MS);
    this.#retryLater();
  }

  #retryLater(): void {
    this.#callOffRetry?.();
    this.#callOffRetry = this.#host.clock.schedule(RETRY_MS, () => void this.#retry());
  }

  async #retry(): Promise<void> {
    const refusal = this.#refusal;
    this.#read();
    const isAnswered = await this.#flush().then(
      () => true,
      () => false,
    );
    if (this.#isStopped || this.#refusal !== refusal) return;
    // Without an answer of the server nothing is known: the permission may still be missing.
    if (!isAnswered) return this.#retryLater();
    this.#refusal = undefined;
    this.#notices.recovered();
  }

  #take(message: Msg): void {
    // A pattern also matches the subjects where delayed messages wait; those are not messages yet.
    if (isWaitingSubject(message.subject)) return;
    if (this.#handover.held >= this.#maxBuffered) return this.#drop();
    if (this.#isDropping && this.#handover.held < this.#maxBuffered / 2) this.#isDropping = false;
    this.#handover.push(new NatsDelivery(this, message, undefined, 1, this.#host.clock.monotonicMs()));
  }

  /** Reported once each time messages start to be dropped. */
  #drop(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    const { topic, group } = this.subscription;
    const warning = `${this.#maxBuffered} messages wait for handlers (maxBuffered), so new messages are dropped: core NATS has no storage and no backpressure. Make handlers faster, add members, or use mode: 'jetstream'`;
    this.#host.notices.emit('subscription:warned', { broker: this.#host.broker, topic, group, warning });
  }
}
