import type { Msg, Subscription } from '@nats-io/transport-node';
import type { BrokerHost } from '../../../contract/index.js';
import type { Link } from '../client/link.js';
import { placeOf, type NatsMessage, type StreamPlace } from '../mapping.js';
import { nanos } from '../topology/streams.js';

/** Milliseconds after which a pull request expires; a new one follows. */
const EXPIRES_MS = 30_000;
/** Milliseconds between two heartbeats of the server while a pull request waits. */
const HEARTBEAT_MS = 5_000;
/** Milliseconds of silence after which the server has lost the request. */
const SILENCE_MS = HEARTBEAT_MS * 2.5;
/** The server's description when another member is pinned. It also replies 423, in other words, when no member is pinned. */
const OTHER_PIN = 'Nats-Pin-Id mismatch';
/** Statuses of a request that has ended normally. */
const ENDED = [404, 408, 423];

/** Where a consumer is, and what it allows. */
export interface PullTarget {
  readonly stream: string;
  readonly consumer: string;
  /** Most messages per request; undefined means no limit. */
  readonly maxBatch: number | undefined;
  /** Most milliseconds that a request may wait; undefined means no limit. */
  readonly maxExpiresMs: number | undefined;
  /** The priority group of a consumer that lets one member work at a time. */
  readonly pinGroup: string | undefined;
  /** The pin id of this member, if it is the active one. */
  readonly pin?: string;
}

export interface PullListener {
  message(message: NatsMessage, place: StreamPlace): void;
  /** The consumer responds: it delivers messages as soon as there are some. */
  answered(): void;
  /** A request has ended without all its messages. */
  ended(): void;
  /** Another member is the active one. */
  deposed(): void;
  /** The consumer does not respond as expected and may be gone. @param isCertain whether another request cannot change it */
  doubted(why: string, isCertain: boolean): void;
}

/**
 * Requests messages from one JetStream consumer, as many as there is room for, and receives them.
 *
 * ```
 * driver:  CONSUMER.MSG.NEXT {batch: 64, expires: 30 s, idle_heartbeat: 5 s}, replies to our inbox
 * server:  messages, each with the subject of its settlement
 *          100 heartbeat | 408 expired | 423 another member is pinned
 *          400 invalid for this consumer | 409 consumer deleted, leader changed, above a limit ... | 503 no responder
 * ```
 */
export class PullInbox {
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #target: PullTarget;
  readonly #listener: PullListener;
  #subscription: Subscription | undefined;
  #inbox = '';
  #requested = 0;
  #heardAt = 0;
  #callOffWatch: (() => void) | undefined;
  #pin: string;
  /** The last received delivery, in the consumer's count. */
  #heard: number | undefined;
  #hasGaps = false;

  constructor(host: BrokerHost, link: Link, target: PullTarget, listener: PullListener) {
    this.#host = host;
    this.#link = link;
    this.#target = target;
    this.#listener = listener;
    this.#pin = target.pin ?? '';
  }

  /** Messages that were requested and have not arrived. */
  get requested(): number {
    return this.#requested;
  }

  /** The last received delivery, in the consumer's count; undefined before the first. */
  get heard(): number | undefined {
    return this.#heard;
  }

  /** Whether the received deliveries skip numbers of the consumer's count. */
  get hasGaps(): boolean {
    return this.#hasGaps;
  }

  open(): void {
    this.#inbox = this.#link.newInbox();
    this.#subscription = this.#link.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error !== null) this.#listener.doubted(`the permission is missing (${error.message})`, true);
        else this.#take(message);
      },
    });
  }

  /** @param isPatient whether the request waits for messages that do not exist yet */
  request(messages: number, isPatient = true): void {
    const { maxBatch = messages, pinGroup } = this.#target;
    const batch = Math.min(messages, maxBatch);
    const pinned = pinGroup === undefined ? {} : { group: pinGroup, ...(this.#pin === '' ? {} : { id: this.#pin }) };
    const patience = isPatient
      ? { expires: nanos(this.#expiresMs), idle_heartbeat: nanos(this.#heartbeatMs) }
      : { no_wait: true };
    const request = { batch, ...patience, ...pinned };
    if (this.#requested === 0) this.#heardAt = this.#host.clock.monotonicMs();
    this.#requested += batch;
    this.#link.publish(this.#subject, JSON.stringify(request), { reply: this.#inbox });
    this.#callOffWatch ??= this.#host.clock.schedule(SILENCE_MS, () => this.#watch());
  }

  /** The server denies the user this subject. @returns whether it belongs to this inbox */
  refused(subject: string, error: Error): boolean {
    if (subject !== this.#subject) return false;
    this.#requested = 0;
    this.#listener.doubted(`the permission is missing (${error.message})`, true);
    return true;
  }

  /** The pin id of this member; empty while another member is active, or before the first request. */
  get pin(): string {
    return this.#pin;
  }

  /**
   * Stays the active member while requesting nothing. A request that expires at once delivers no message and counts as a sign of
   * life. It also works after `close`, because running handlers still have messages of this member.
   */
  keepPin(): void {
    const { pinGroup } = this.#target;
    if (this.#pin === '' || pinGroup === undefined || !this.#link.isUp) return;
    const request = JSON.stringify({ batch: 1, expires: 1, group: pinGroup, id: this.#pin });
    const patience = { timeout: SILENCE_MS };
    this.#link.connection.request(this.#subject, request, patience).then(
      ({ headers }) => {
        if (headers?.code === 423 && headers.description === OTHER_PIN) this.#listener.deposed();
      },
      () => undefined,
    );
  }

  /** Stops requesting. The listener still receives what the server has already sent, until this resolves. */
  async close(): Promise<void> {
    this.#callOffWatch?.();
    this.#callOffWatch = undefined;
    this.#requested = 0;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription === undefined || subscription.isClosed()) return;
    // Without a connection, draining would wait for it, and nothing can arrive.
    if (!this.#link.isUp) return subscription.unsubscribe();
    // A drain fails only when the connection ends meanwhile: nothing can arrive then either.
    await subscription.drain().catch(() => undefined);
  }

  get #expiresMs(): number {
    return Math.min(EXPIRES_MS, this.#target.maxExpiresMs ?? EXPIRES_MS);
  }

  /** The server rejects a heartbeat that does not fit twice into the request's time. */
  get #heartbeatMs(): number {
    return Math.min(HEARTBEAT_MS, this.#expiresMs / 2);
  }

  get #subject(): string {
    const { stream, consumer } = this.#target;
    return `${this.#link.apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  }

  #take(message: Msg): void {
    this.#heardAt = this.#host.clock.monotonicMs();
    const place = placeOf(message.reply);
    if (place === undefined) return this.#status(message);
    if (this.#requested > 0) this.#requested--;
    this.#hasGaps ||= this.#heard !== undefined && place.deliverySequence !== this.#heard + 1;
    this.#heard = place.deliverySequence;
    this.#listener.answered();
    if (this.#target.pinGroup !== undefined) this.#pin = message.headers?.get('Nats-Pin-Id') || this.#pin;
    this.#listener.message(message, place);
  }

  #status({ headers }: Msg): void {
    const code = headers?.code ?? 0;
    if (code === 100) return this.#listener.answered();
    this.#giveUp(Number(headers?.get('Nats-Pending-Messages') || Number.NaN));
    // After 423 another member is pinned; this one may request again without its old pin.
    if (code === 423) this.#pin = '';
    if (!ENDED.includes(code)) return this.#listener.doubted(`${code} ${headers?.description ?? ''}`.trim(), false);
    this.#listener.answered();
    this.#listener.ended();
  }

  /** A request has ended; without a count, all of them have. */
  #giveUp(left: number): void {
    this.#requested = Number.isNaN(left) ? 0 : Math.max(0, this.#requested - left);
  }

  #watch(): void {
    this.#callOffWatch = undefined;
    if (this.#subscription === undefined || this.#requested === 0) return;
    const silentMs = this.#host.clock.monotonicMs() - this.#heardAt;
    if (silentMs >= SILENCE_MS) {
      this.#requested = 0;
      return this.#listener.doubted('it does not answer', false);
    }
    this.#callOffWatch = this.#host.clock.schedule(SILENCE_MS - silentMs, () => this.#watch());
  }
}
