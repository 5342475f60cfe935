import { isDeepStrictEqual } from 'node:util';
import { settlementFailed, type BrokerHost, type Settlement, type Subscription } from '../../../contract/index.js';
import type { Consumers, ConsumerPlace, ConsumerStanding } from './consumers.js';
import { NatsDelivery, type DeliveryOwner } from './delivery.js';
import { Takeover } from './takeover.js';
import type { Link } from '../client/link.js';
import { addressOf, placeOf, type NatsMessage, type StreamPlace } from '../mapping.js';
import { Bodies } from './bodies.js';
import { endIntake, type EndingIntake } from './end-intake.js';
import { fetchAgain } from './fetch-again.js';
import { KeepAlive } from './keep-alive.js';
import { PullTrouble } from './pull-trouble.js';
import { PullInbox, type PullListener, type PullTarget } from './pull-inbox.js';
import { RecentlyDone } from './recently-done.js';
import { ACKED, ANSWER_ME, NAK, settlementText } from './settlements.js';
import { SettledMark } from './settled-mark.js';
import { Stall } from './stall.js';
import { Unsettled } from './unsettled.js';
import { deliverableTo } from './waiting.js';
import { isWaitingSubject } from '../topology/waiting-subjects.js';

/** What a source needs of its subscription. */
export interface SourceOwner extends Pick<DeliveryOwner, 'answer' | 'answerAddress'> {
  readonly subscription: Subscription;
  /** Most messages of this source in the subscription or on their way, without parked ones. */
  readonly window: number;
  /** While true, nothing more is requested. */
  readonly isFull: boolean;
  deliver(delivery: NatsDelivery): void;
  /** Deliveries were revoked. */
  revoked(): void;
  /** It waits for unsettled messages; without a reason, it no longer does. */
  stalled(source: Source, reason: string | undefined): void;
  /** Its consumer may be gone or changed, and must be opened again. */
  doubted(source: Source): void;
  /** The consumer delivers nothing. @param reason undefined: it does again @param retryInMs milliseconds until the next request */
  pullRefused(source: Source, reason: string | undefined, retryInMs: number): void;
}

export interface SourceTools {
  readonly host: BrokerHost;
  readonly link: Link;
  readonly consumers: Consumers;
}

/** Milliseconds that the server may take to confirm the last settlement of a process. */
const CONFIRM_LIMIT_MS = 3_000;
/** Most messages that are requested again after the connection broke: each costs one line to the server. */
const MAX_RETRIEVED = 1_000;
/** How often a closing member requests deliveries that were sent to it and have not arrived. */
const GATHER_TRIES = 3;

/**
 * One JetStream consumer as this process reads it: requests messages while there is room, extends the ack wait of unsettled ones,
 * and sends settlements.
 */
export class Source implements DeliveryOwner, PullListener {
  readonly group: string;
  readonly #tools: SourceTools;
  readonly #owner: SourceOwner;
  readonly #unsettled = new Unsettled();
  readonly #recentlyDone = new RecentlyDone();
  readonly #bodies = new Bodies();
  readonly #trouble = new PullTrouble();
  #callOffRetry: (() => void) | undefined;
  /** The next attempt of messages that were returned to the server with a count that it does not know. */
  readonly #attempts: Map<number, number>;
  /** Messages that were nacked for a later attempt and wait on the server. */
  readonly #putOff = new Map<number, SettledMark>();
  /** Settlements that wait for the connection. */
  #waitForLink: SettledMark[] = [];
  #place: ConsumerPlace;
  #inbox: PullInbox | undefined;
  /** The last inbox, which knows whether this member is the active one. */
  #lastInbox: PullInbox | undefined;
  #stopping: Promise<void> | undefined;
  /** The consumer was deleted and recreated at an older position, so a first delivery may be a redelivery. */
  #isMadeAgain = false;
  readonly #stall: Stall;
  #lastAddress: string | undefined;
  /** The newest received message and the subject of its settlement. */
  #newest = { sequence: 0, address: '' };
  /**
   * The last message received before the connection broke or the consumer moved to another server: up to here, a first delivery may
   * be a redelivery.
   */
  #heardBefore = 0;
  #isRetrieving = false;
  readonly #takeover: Takeover;
  readonly #keepAlive: KeepAlive;

  constructor(tools: SourceTools, owner: SourceOwner, place: ConsumerPlace) {
    this.#tools = tools;
    this.#owner = owner;
    this.#place = place;
    this.group = owner.subscription.group;
    this.#takeover = new Takeover(tools.host.clock, {
      look: () => this.#lookAtOthers(),
      drop: (delivery) => this.#drop(delivery),
      pull: () => this.pull(),
      deliver: (delivery) => this.#owner.deliver(delivery),
    });
    this.#attempts = new Map(place.attempts);
    this.#stall = new Stall({
      unsettled: this.#unsettled,
      place: () => this.#place,
      stalled: (reason) => this.#owner.stalled(this, reason),
    });
    this.#keepAlive = new KeepAlive({
      clock: tools.host.clock,
      link: tools.link,
      unsettled: this.#unsettled,
      place: () => this.#place,
      revoke: (delivery) => this.#revoke(delivery),
      revoked: () => this.#owner.revoked(),
      keepPin: () => this.#lastInbox?.keepPin(),
    });
  }

  get #isStopped(): boolean {
    return this.#stopping !== undefined;
  }

  get #target(): PullTarget {
    const { stream, name: consumer, maxBatch, maxExpiresMs, pinGroup } = this.#place;
    return { stream, consumer, maxBatch, maxExpiresMs, pinGroup };
  }

  get place(): ConsumerPlace {
    return this.#place;
  }

  /** See `PullInbox.pin`. */
  get pin(): string {
    return this.#lastInbox?.pin ?? '';
  }

  /** The consumer gives out nothing. */
  get isRefused(): boolean {
    return this.#trouble.reason !== undefined;
  }

  /** One sentence while it receives nothing, or waits for unsettled messages. */
  get problem(): string | undefined {
    const { topic, group } = this.#owner.subscription;
    const { reason } = this.#trouble;
    if (reason !== undefined) return `group "${group}" receives nothing from "${topic}": ${reason}`;
    const stall = this.#stall.reason;
    return stall === undefined ? undefined : `group "${group}" receives no more messages from "${topic}": ${stall}`;
  }

  /** Messages that the server could deliver to this member now; undefined if none are to be delivered to it. @throws TransportError */
  async waiting(): Promise<number | undefined> {
    if (this.#isFull) return undefined;
    const standing = await this.#tools.consumers.standing(this.#place);
    return standing === undefined ? undefined : deliverableTo(this.pin, standing);
  }

  /** Whether there is no room for a request of useful size. */
  get #isFull(): boolean {
    const { window } = this.#owner;
    const free = window - this.#unsettled.size + this.#unsettled.waiting;
    return this.#owner.isFull || free < leastRequestOf(window);
  }

  /** Starts to read, or reads again from the consumer's current place. */
  open(place: ConsumerPlace): void {
    if (place.streamCreated !== this.#place.streamCreated) this.#forgetAll();
    // The server may not know settlements that were sent just before a connection broke or a server was killed.
    if (!this.isRefused) for (const { address } of this.#recentlyDone.all()) this.#tools.link.tell(address, ACKED);
    this.#bodies.consumerSendsThem();
    this.#isMadeAgain ||= place.isNew && this.#lastInbox !== undefined;
    this.#place = place;
    this.#waitForLink = [];
    void this.#inbox?.close();
    const target = { ...this.#target, pin: this.pin };
    this.#isRetrieving = this.#lacks(place);
    this.#heardBefore = this.#newest.sequence;
    this.#inbox = new PullInbox(this.#tools.host, this.#tools.link, target, this);
    this.#lastInbox = this.#inbox;
    this.#callOffRetry?.();
    this.#callOffRetry = undefined;
    this.#inbox.open();
    this.#keepAlive.tick();
    if (this.#isRetrieving) void this.#retrieve(this.#inbox, place);
    else this.pull();
  }

  /** Whether the server has sent messages, to this member only, that have not arrived. */
  #lacks({ delivered, activePin, pinGroup, isNew }: ConsumerPlace): boolean {
    if (this.#owner.subscription.ordering !== 'key' || isNew || this.#newest.address === '') return false;
    const isAlone =
      pinGroup === undefined ? this.#lastInbox?.hasGaps === false : activePin === undefined || activePin === this.pin;
    return isAlone && delivered.upTo > this.#newest.sequence;
  }

  /**
   * Messages that the server sent into a broken connection would come again after the ack wait, behind newer ones. So they are
   * nacked before more is requested. The server ignores nacks of messages that are not pending.
   */
  async #retrieve(inbox: PullInbox, { delivered }: ConsumerPlace): Promise<void> {
    await this.#renounce(delivered.upTo, delivered.count);
    if (this.#inbox !== inbox) return;
    this.#isRetrieving = false;
    this.pull();
  }

  /** Nacks the messages after the newest received one. @param last the sequence of the last one */
  async #renounce(last: number, delivered: number): Promise<void> {
    const { sequence, address } = this.#newest;
    const end = Math.min(last, sequence + MAX_RETRIEVED);
    for (let next = sequence + 1; next <= end; next++) {
      this.#lastAddress = addressOf(address, next, delivered);
      this.#tools.link.tell(this.#lastAddress, NAK);
    }
    await this.#confirm();
  }

  /** The connection is lost, and with it the pull requests. */
  linkDown(): void {
    void this.#inbox?.close();
    this.#inbox = undefined;
  }

  /** Requests more if there is room for a request of useful size. */
  pull(): void {
    const inbox = this.#inbox;
    if (inbox === undefined || this.#isStopped || this.#owner.isFull || !this.#tools.link.isUp) return;
    if (this.#isRetrieving) return;
    const { extra } = this.#takeover;
    const window = this.#owner.window + extra;
    const { size } = this.#unsettled;
    const busy = size + inbox.requested;
    const leastRequest = extra > 0 ? 1 : leastRequestOf(window);
    // Parked messages are rare, so they are counted only if the result depends on them.
    const room = window - busy >= leastRequest ? window - busy : window - busy + this.#unsettled.waiting;
    const left = this.#place.maxUnsettled - busy;
    if (left <= 0) return this.#stall.check();
    if (room >= leastRequest) inbox.request(Math.min(room, left));
  }

  message(message: NatsMessage, place: StreamPlace): void {
    // A consumer of a whole stream also delivers the delayed messages that wait there.
    if (isWaitingSubject(message.subject)) {
      this.#tools.link.tell(message.reply ?? '', ACKED);
      return this.pull();
    }
    if (this.#bodies.lacks(message, place.sequence)) return this.#withoutBody(message, place);
    const delivery = this.#take(message, place);
    if (delivery === undefined) return this.pull();
    if (this.#isStopped) return this.#returnEarly(delivery);
    if (this.#place.pinGroup !== undefined && this.#takeover.holds(delivery, this.pin, this.#place.ackWaitMs)) return;
    this.#owner.deliver(delivery);
  }

  /** An operator has set the consumer to deliver headers only, so the message is nacked until the consumer has been checked. */
  #withoutBody({ reply = '' }: NatsMessage, { sequence, deliveries }: StreamPlace): void {
    this.#attempts.set(sequence, Math.max(deliveries, this.#attempts.get(sequence) ?? 1));
    this.#lastAddress = reply;
    this.#tools.link.tell(reply, NAK);
    this.doubted('it delivers messages without their bodies (headers_only)', false);
  }

  /** The new active member waits until everything here is settled, so messages that have not started are returned to the server. */
  deposed(): void {
    const left = this.#unsettled.all().filter(({ state }) => state !== 'running');
    for (const delivery of left) this.#return(delivery);
    if (left.length > 0) this.#owner.revoked();
  }

  /** @returns undefined for a message that is already here, or done */
  #take(message: NatsMessage, place: StreamPlace): NatsDelivery | undefined {
    const sentAfterMs = this.#tools.link.heardSinceMs;
    if (this.#putOff.size > 0) this.#putOff.delete(place.sequence);
    if (this.#stall.isFullOfPutOff) this.#stall.hasRoom();
    const known = this.#unsettled.get(place.sequence);
    if (known !== undefined) {
      // A message must not be handled twice at the same time.
      known.renew(message.reply ?? '', place.deliveries, sentAfterMs);
      return undefined;
    }
    const isAgain = place.deliveries > 1 || this.#isMadeAgain || place.sequence <= this.#heardBefore;
    if (place.sequence > this.#newest.sequence)
      this.#newest = { sequence: place.sequence, address: message.reply ?? '' };
    if (isAgain && this.#recentlyDone.has(place.sequence)) {
      this.#tools.link.tell(message.reply ?? '', ACKED);
      return undefined;
    }
    const noted = this.#attempts.get(place.sequence);
    const attempt = Math.max(place.deliveries, noted ?? 1);
    // Without ordering, each failed attempt is also a delivery.
    const isExplained = noted !== undefined || this.#owner.subscription.ordering === 'none';
    const suspicion = isExplained ? 0 : place.deliveries - 1;
    const { ackWaitMs } = this.#place;
    const delivery = new NatsDelivery(this, message, place, attempt, sentAfterMs, { suspicion, ackWaitMs });
    this.#unsettled.add(delivery);
    return delivery;
  }

  ended(): void {
    this.pull();
  }

  answered(): void {
    if (!this.#trouble.isThere) return;
    const wasRefused = this.isRefused;
    this.#trouble.clear();
    if (wasRefused) this.#owner.pullRefused(this, undefined, 0);
  }

  /** Requests nothing until it is opened again, because a server that rejects requests would be asked without a pause. */
  doubted(why: string, isCertain: boolean): void {
    if (this.#isStopped || this.#inbox === undefined) return;
    this.linkDown();
    const { name, stream } = this.#place;
    const waitMs = this.#trouble.add(
      `consumer "${name}" of stream "${stream}" delivers no messages: ${why}`,
      isCertain,
    );
    if (this.isRefused) this.#owner.pullRefused(this, this.#trouble.reason, waitMs);
    if (waitMs === 0) return this.#owner.doubted(this);
    this.#callOffRetry = this.#tools.host.clock.schedule(waitMs, () => this.#owner.doubted(this));
  }

  /** The server denies this user a subject. */
  refused(subject: string, error: Error): void {
    if (this.#inbox?.refused(subject, error) === true) return;
    const { stream, consumer, sequence = 0 } = placeOf(subject) ?? {};
    if (stream !== this.#place.stream || consumer !== this.#place.name) return;
    const mark = this.#putOff.get(sequence) ?? this.#recentlyDone.get(sequence);
    if (mark?.address === subject) this.#settlementFailed(mark, error);
  }

  /** A redelivered message is settled again and denied again; that is reported once. */
  #settlementFailed(mark: SettledMark, error: unknown): void {
    if (mark.isReported) return;
    mark.isReported = true;
    settlementFailed(this.#tools.host, mark, mark.settlement, error);
  }

  settled(delivery: NatsDelivery, settlement: Settlement): void {
    this.#unsettled.delete(delivery);
    const mark = new SettledMark(delivery, settlement);
    if (settlement.kind === 'nack') this.#putOff.set(delivery.sequence, mark);
    else this.#done(mark);
    if (!this.#tools.link.isUp) this.#waitForLink.push(mark);
    this.#lastAddress = delivery.address;
    this.#tools.link.tell(delivery.address, settlementText(settlement));
    this.#stall.check();
    this.pull();
  }

  #done(mark: SettledMark): void {
    if (this.#attempts.size > 0) this.#attempts.delete(mark.sequence);
    this.#recentlyDone.add(mark);
  }

  mayBegin(delivery: NatsDelivery): boolean {
    return this.#keepAlive.mayBegin(delivery);
  }

  parked(delivery: NatsDelivery): void {
    this.#unsettled.parked(delivery);
    this.pull();
  }

  answer(...[address, reply]: Parameters<DeliveryOwner['answer']>): void {
    this.#owner.answer(address, reply);
  }

  answerAddress(...[message, headers]: Parameters<DeliveryOwner['answerAddress']>): string | undefined {
    return this.#owner.answerAddress(message, headers);
  }

  /** Stops requesting; messages that were sent and not delivered to a handler are returned to the server. */
  stop(undelivered: readonly NatsDelivery[]): Promise<void> {
    return (this.#stopping ??= this.#stop(undelivered));
  }

  async #stop(undelivered: readonly NatsDelivery[]): Promise<void> {
    this.#callOffRetry?.();
    this.#takeover.end();
    for (const delivery of undelivered) this.#returnEarly(delivery);
    const inbox = this.#inbox;
    this.#inbox = undefined;
    if (!this.#tools.link.isUp) await inbox?.close();
    else if (inbox !== undefined) await endIntake(this.#tools.consumers, inbox, this.#asIntake()).catch(ignore);
  }

  #asIntake(): EndingIntake {
    return {
      place: this.#place,
      pin: () => this.pin,
      newest: () => this.#newest.sequence,
      fetch: (last, count, delivered) => this.#fetchUpTo(last, count, delivered),
    };
  }

  /** Requests again what was sent to this member and lost on its way. @param last the sequence of the last one */
  async #fetchUpTo(last: number, count: number, delivered: number): Promise<void> {
    await this.#renounce(last, delivered);
    await fetchAgain(this.#tools, { ...this.#target, pin: this.pin }, count, (message, place) => {
      const delivery = this.#take(message, place);
      if (delivery !== undefined) this.#returnEarly(delivery);
    });
  }

  /** Returns unsettled messages to the server, so others need not wait for them, and waits until the server has processed everything. */
  async close(): Promise<void> {
    await this.stop([]);
    this.#keepAlive.end();
    const left = this.#unsettled.all();
    const notes = new Map(this.#attempts);
    for (const delivery of left) addNote(notes, delivery);
    for (const delivery of left) delivery.revoke();
    if (left.length > 0) this.#owner.revoked();
    if (!this.#tools.link.isUp) return this.#loseSettlements();
    if (notes.size > 0) await this.#tools.consumers.note(this.#place, notes).catch(ignore);
    if (left.length > 0) await this.#gather().catch(ignore);
    for (const delivery of this.#unsettled.all()) this.#return(delivery);
    await this.#confirm();
  }

  /** Settlements are lost if the connection does not come back in time. */
  #loseSettlements(): void {
    const error = this.#tools.link.problem ?? new Error('The connection was closed before the settlement was sent.');
    for (const mark of this.#waitForLink.splice(0)) this.#settlementFailed(mark, error);
  }

  /**
   * What the server sent just when this member stopped listening would be redelivered before the older messages that are returned
   * here. It is fetched, and then returned after them.
   */
  async #gather(): Promise<void> {
    await this.#confirm();
    for (let tries = 0; ; tries++) {
      const missing = await this.#missing();
      if (missing <= 0 || tries === GATHER_TRIES) return;
      const target = { ...this.#target, pin: this.pin };
      await fetchAgain(this.#tools, target, missing, (message, place) => this.#take(message, place));
    }
  }

  /**
   * Counts messages that were sent to this member, are unsettled and not here. The query itself matters: the server keeps our
   * request until it uses it, delivers a message to it, finds no subscriber, and puts the message behind the others.
   */
  async #missing(): Promise<number> {
    const { others } = await this.#lookAtOthers();
    return this.#lastInbox?.hasGaps === false ? others : 0;
  }

  /** `others` counts messages that were delivered to any member, are unsettled, and are not here. */
  async #lookAtOthers(): Promise<{ readonly settledUpTo: number; readonly others: number }> {
    const standing = await this.#tools.consumers.standing(this.#place);
    if (standing === undefined) return { settledUpTo: 0, others: 0 };
    const others = standing.unsettled - this.#unsettled.size - this.#putOff.size;
    return { settledUpTo: standing.settledUpTo, others: Math.max(0, others) };
  }

  #drop(delivery: NatsDelivery): void {
    this.#unsettled.delete(delivery);
    delivery.revoke();
  }

  /** Receives the progress of all members together. */
  standsAt({ settledUpTo, unsettled, pausedUntil, place }: ConsumerStanding): void {
    if (settledUpTo > this.#place.settledUpTo) this.#tools.link.settlementsPass();
    this.#follow(place);
    if (settledUpTo >= this.#heardBefore) this.#heardBefore = 0;
    for (const known of this.#attempts.keys()) if (known <= settledUpTo) this.#attempts.delete(known);
    for (const known of this.#putOff.keys()) if (known <= settledUpTo) this.#putOff.delete(known);
    this.#stall.seen(this.#putOff.size > 0 && unsettled >= this.#place.maxUnsettled, pausedUntil);
  }

  /** Follows changes of the consumer by an operator or another version of the service. */
  #follow(place: ConsumerPlace): void {
    const before = this.#place;
    this.#place = place;
    if (place.ackWaitMs !== before.ackWaitMs) this.#keepAlive.tick();
    if (!isDeepStrictEqual(followedOf(place), followedOf(before))) this.#owner.doubted(this);
  }

  /** The server delivers it to another member. */
  #revoke(delivery: NatsDelivery): void {
    if (delivery.state === 'parked') this.#attempts.set(delivery.sequence, delivery.attempt);
    this.#unsettled.delete(delivery);
    delivery.revoke();
  }

  /** A message with a key waits for those before it, because the server redelivers in the order in which messages are returned. */
  #returnEarly(delivery: NatsDelivery): void {
    const keepsOrder = this.#owner.subscription.ordering === 'key' && delivery.key !== undefined;
    if (!keepsOrder) this.#return(delivery);
  }

  #return(delivery: NatsDelivery): void {
    this.#unsettled.delete(delivery);
    delivery.revoke();
    this.#lastAddress = delivery.address;
    this.#tools.link.tell(delivery.address, NAK);
  }

  /** The server processes settlements in order, so one reply confirms all of them before. */
  async #confirm(): Promise<void> {
    if (this.#lastAddress === undefined) return;
    const request = { timeout: CONFIRM_LIMIT_MS };
    await this.#tools.link.connection.request(this.#lastAddress, ANSWER_ME, request).catch(ignore);
  }

  /** Forgets everything, because a recreated stream of the same name does not know it. */
  #forgetAll(): void {
    for (const delivery of this.#unsettled.all()) this.#revoke(delivery);
    this.#attempts.clear();
    this.#putOff.clear();
    this.#recentlyDone.clear();
    this.#newest = { sequence: 0, address: '' };
    this.#owner.revoked();
  }
}

/** Records the attempt of a message whose next delivery would otherwise have a lower number. */
function addNote(notes: Map<number, number>, { sequence, state, attempt, deliveries }: NatsDelivery): void {
  const next = state === 'running' ? attempt + 1 : attempt;
  if (next > deliveries + 1) notes.set(sequence, next);
}

/** The settings on which requests and warnings depend. */
const followedOf = ({ maxBatch, maxExpiresMs, pinGroup, maxDeliveries }: ConsumerPlace): unknown[] => [
  maxBatch,
  maxExpiresMs,
  pinGroup,
  maxDeliveries,
];

/** The least room that is worth a request. */
const leastRequestOf = (window: number): number => Math.ceil(window / 4);

const ignore = (): void => undefined;
