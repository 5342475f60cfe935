import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription as NatsSubscription } from '@nats-io/transport-node';
import type { BrokerHost, Reply, Subscription, SubscriptionSink, TransportError } from '../../../contract/index.js';
import type { Answers } from './answers.js';
import { NatsDelivery, type DeliveryOwner } from './delivery.js';
import { Handover } from '../../kit/handover.js';
import type { Link, LinkListener } from '../client/link.js';
import type { NatsMessage, ReadHeaders } from '../mapping.js';
import { errorOf } from '../client/failures.js';
import { SubscriptionNotices } from './subscription-notices.js';
import { isWaitingSubject } from '../topology/waiting-subjects.js';

/** Before a subscription that the server has refused is tried again. */
const RETRY_MS = 3_000;

/**
 * One subscription to core NATS. The members of a group are a queue group: the server gives each message to one of them that is
 * there. It knows no settlement and cannot be asked to wait, so what comes faster than it is handled is kept here, up to a bound.
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
  /** Why the server does not let this user subscribe. */
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

  /** One sentence while nothing comes, or messages are dropped. */
  get problems(): string[] {
    const { topic, group } = this.subscription;
    if (this.#refusal !== undefined) return [this.#refusal.message];
    return this.#isDropping ? [`group "${group}" is too slow for "${topic}": messages are dropped`] : [];
  }

  /** Resolves when the server knows of the subscription. @throws TransportError `TRANSPORT_AUTHORIZATION_FAILED` */
  async start(): Promise<void> {
    this.#read();
    await this.#flush();
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#hasStarted = true;
  }

  /** n.b. the server reports a missing right before it answers; the client passes that on a few microtasks later. */
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
    // What has come already is still handed over: nobody would bring it back.
    if (this.#link.isUp) await this.#reading?.drain().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.stop();
    this.#handover.end();
    if (this.#reading?.isClosed() === false) this.#reading.unsubscribe();
  }

  /** n.b. the server keeps nothing, so nobody else has it. */
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

  /** n.b. the client subscribes again by itself, but for a connection that was made anew. */
  linkUp(): void {
    if (this.#link.connection !== this.#connection) this.#read();
  }

  linkDown(): void {}

  #read(): void {
    const { topic, group, delivery } = this.subscription;
    this.#connection = this.#link.connection;
    this.#reading = this.#connection.subscribe(topic, {
      ...(delivery === 'group' ? { queue: group } : {}),
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#refusedBy(error);
      },
    });
  }

  /** The rights may have been taken away while it ran, and may come back. */
  #refusedBy(cause: Error): void {
    const { topic } = this.subscription;
    const wasRefused = this.#refusal !== undefined;
    const code = 'TRANSPORT_AUTHORIZATION_FAILED';
    this.#refusal = errorOf(code, `${this.#notices.what}: ${cause.message}. Give the user this right.`, {
      topic,
      cause,
    });
    if (!this.#hasStarted || this.#isStopped) return;
    if (!wasRefused) this.#notices.crashed(this.#refusal, RETRY_MS);
    this.#callOffRetry = this.#host.clock.schedule(RETRY_MS, () => void this.#retry());
  }

  async #retry(): Promise<void> {
    const refusal = this.#refusal;
    this.#read();
    await this.#flush().catch(() => undefined);
    if (this.#refusal !== refusal) return;
    this.#refusal = undefined;
    this.#notices.recovered();
  }

  #take(message: Msg): void {
    // A pattern hears also what others publish for later; that is no message yet.
    if (isWaitingSubject(message.subject)) return;
    if (this.#handover.held >= this.#maxBuffered) return this.#drop();
    if (this.#isDropping && this.#handover.held < this.#maxBuffered / 2) this.#isDropping = false;
    this.#handover.push(new NatsDelivery(this, message, undefined, 1, this.#host.clock.monotonicMs()));
  }

  /** Told once each time that it begins. */
  #drop(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    const { topic, group } = this.subscription;
    const warning = `${this.#maxBuffered} messages wait for its handlers (maxBuffered), and what comes now is lost: core NATS keeps nothing and cannot be asked to wait. Make handlers faster, add members, or use mode: 'jetstream'`;
    this.#host.notices.emit('subscription:warned', { broker: this.#host.broker, topic, group, warning });
  }
}
