import type { Msg, Subscription } from '@nats-io/transport-node';
import type { BrokerHost } from '../../../contract/index.js';
import type { Link } from '../client/link.js';
import { placeOf, type NatsMessage, type StreamPlace } from '../mapping.js';
import { nanos } from '../topology/streams.js';

/** How long one request for messages is good for; a new one follows. */
const EXPIRES_MS = 30_000;
/** While messages are asked for and none come, the server says so often that it is there. */
const HEARTBEAT_MS = 5_000;
/** A server that was not heard of for so long has lost the request. */
const SILENCE_MS = HEARTBEAT_MS * 2.5;
/** What the server says of a pin when it knows another one. n.b. it says 423 in other words when it knows none. */
const OTHER_PIN = 'Nats-Pin-Id mismatch';
/** Statuses of a request that has ended as it should. */
const ENDED = [404, 408, 423];

/** Where a consumer is, and what it allows. */
export interface PullTarget {
  readonly stream: string;
  readonly consumer: string;
  /** Most messages of one request; undefined: no limit. */
  readonly maxBatch: number | undefined;
  /** How long the consumer lets a request wait; undefined: no limit. */
  readonly maxExpiresMs: number | undefined;
  /** The group of a consumer that lets one member at a time work. */
  readonly pinGroup: string | undefined;
  /** What the server knows this member by already, when it is the active one. */
  readonly pin?: string;
}

export interface PullListener {
  message(message: NatsMessage, place: StreamPlace): void;
  /** The consumer answers: messages come as soon as there are some. */
  answered(): void;
  /** A request has ended without all it asked for. */
  ended(): void;
  /** Another member is the active one. */
  deposed(): void;
  /** The consumer does not answer as it should: it may be gone. @param isCertain whether asking again cannot change it */
  doubted(why: string, isCertain: boolean): void;
}

/**
 * Asks one JetStream consumer for messages, as many as there is room for, and takes what comes.
 *
 * ```
 * we:      CONSUMER.MSG.NEXT {batch: 64, expires: 30 s, idle_heartbeat: 5 s}, answers to our inbox
 * server:  messages, each with its own address for the settlement
 *          100 heartbeat | 408 expired | 423 pinned elsewhere
 *          400 not in that form | 409 consumer deleted, leader changed, above a limit ... | 503 nobody there
 * ```
 */
export class PullInbox {
  readonly #host: BrokerHost;
  readonly #link: Link;
  readonly #target: PullTarget;
  readonly #listener: PullListener;
  #subscription: Subscription | undefined;
  #inbox = '';
  #asked = 0;
  #heardAt = 0;
  #callOffWatch: (() => void) | undefined;
  #pin: string;
  /** The last delivery that has come, in the consumer's count. */
  #heard: number | undefined;
  #hasGaps = false;

  constructor(host: BrokerHost, link: Link, target: PullTarget, listener: PullListener) {
    this.#host = host;
    this.#link = link;
    this.#target = target;
    this.#listener = listener;
    this.#pin = target.pin ?? '';
  }

  /** Messages that were asked for and have not come. */
  get asked(): number {
    return this.#asked;
  }

  /** The last delivery that has come, in the consumer's count; undefined before the first. */
  get heard(): number | undefined {
    return this.#heard;
  }

  /** Deliveries have come that do not follow each other in the consumer's count. */
  get hasGaps(): boolean {
    return this.#hasGaps;
  }

  open(): void {
    this.#inbox = this.#link.newInbox();
    this.#subscription = this.#link.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error !== null) this.#listener.doubted(`the right is missing (${error.message})`, true);
        else this.#take(message);
      },
    });
  }

  /** @param isPatient whether the request waits for messages that are not there yet */
  ask(messages: number, isPatient = true): void {
    const { maxBatch = messages, pinGroup } = this.#target;
    const batch = Math.min(messages, maxBatch);
    const pinned = pinGroup === undefined ? {} : { group: pinGroup, ...(this.#pin === '' ? {} : { id: this.#pin }) };
    const patience = isPatient
      ? { expires: nanos(this.#expiresMs), idle_heartbeat: nanos(this.#heartbeatMs) }
      : { no_wait: true };
    const request = { batch, ...patience, ...pinned };
    if (this.#asked === 0) this.#heardAt = this.#host.clock.monotonicMs();
    this.#asked += batch;
    this.#link.publish(this.#subject, JSON.stringify(request), { reply: this.#inbox });
    this.#callOffWatch ??= this.#host.clock.schedule(SILENCE_MS, () => this.#watch());
  }

  /** The server refuses this subject to the user. @returns whether it is of this inbox */
  refused(subject: string, error: Error): boolean {
    if (subject !== this.#subject) return false;
    this.#asked = 0;
    this.#listener.doubted(`the right is missing (${error.message})`, true);
    return true;
  }

  /** What the server knows the one active member by; empty while another is, or nobody has been asked for. */
  get pin(): string {
    return this.#pin;
  }

  /**
   * Stays the active member although nothing is asked for. A request that is over before it is looked at gives no message, and
   * counts as a sign of life. n.b. also after `close`: what is with handlers then is still this member's.
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

  /** Takes nothing more; what the server has sent before it knew is still given to the listener until this resolves. */
  async close(): Promise<void> {
    this.#callOffWatch?.();
    this.#callOffWatch = undefined;
    this.#asked = 0;
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription === undefined || subscription.isClosed()) return;
    // n.b. while the connection is down this would wait for it; nothing can come then.
    if (!this.#link.isUp) return subscription.unsubscribe();
    await subscription.drain().catch(() => undefined);
  }

  get #expiresMs(): number {
    return Math.min(EXPIRES_MS, this.#target.maxExpiresMs ?? EXPIRES_MS);
  }

  /** n.b. the server refuses one that does not fit twice into the time of the request. */
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
    if (this.#asked > 0) this.#asked--;
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
    // 423: another member is pinned; this one may ask again without the pin it had.
    if (code === 423) this.#pin = '';
    if (!ENDED.includes(code)) return this.#listener.doubted(`${code} ${headers?.description ?? ''}`.trim(), false);
    this.#listener.answered();
    this.#listener.ended();
  }

  /** A request has ended; without a number, all of them have. */
  #giveUp(left: number): void {
    this.#asked = Number.isNaN(left) ? 0 : Math.max(0, this.#asked - left);
  }

  #watch(): void {
    this.#callOffWatch = undefined;
    if (this.#subscription === undefined || this.#asked === 0) return;
    const silentMs = this.#host.clock.monotonicMs() - this.#heardAt;
    if (silentMs >= SILENCE_MS) {
      this.#asked = 0;
      return this.#listener.doubted('it does not answer', false);
    }
    this.#callOffWatch = this.#host.clock.schedule(SILENCE_MS - silentMs, () => this.#watch());
  }
}
