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

/** What a source needs of the subscription that it reads for. */
export interface SourceOwner extends Pick<DeliveryOwner, 'answer' | 'answerAddress'> {
  readonly subscription: Subscription;
  /** Messages that this source may have with the subscription or on the way, parked ones not counted. */
  readonly window: number;
  /** While true, nothing more is asked for. */
  readonly isFull: boolean;
  deliver(delivery: NatsDelivery): void;
  /** Deliveries were taken back. */
  revoked(): void;
  /** It waits for messages that are not settled; without a reason: not any more. */
  stalled(source: Source, reason: string | undefined): void;
  /** Its consumer may be gone, or set in another way: it is to be opened again. */
  doubted(source: Source): void;
  /** The consumer gives out nothing. @param reason undefined: it does again @param retryInMs when it is asked again */
  pullRefused(source: Source, reason: string | undefined, retryInMs: number): void;
}

export interface SourceTools {
  readonly host: BrokerHost;
  readonly link: Link;
  readonly consumers: Consumers;
}

/** How long the server may take to confirm the last settlement of a process. */
const CONFIRM_LIMIT_MS = 3_000;
/** Most messages that are asked for again after the connection broke: each of them costs a line to the server. */
const MAX_RETRIEVED = 1_000;
/** How often a member that closes looks for what was sent to it and has not come. */
const GATHER_TRIES = 3;

/**
 * One JetStream consumer as this process reads it: asks for what there is room for, keeps what is unsettled alive, and carries
 * settlements back.
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
  /** The next attempt of messages that came back to the server with a count that it does not know. */
  readonly #attempts: Map<number, number>;
  /** Messages that handlers gave back for a later attempt: the server has them, and they are to wait there. */
  readonly #putOff = new Map<number, SettledMark>();
  /** Settlements that wait for the connection. */
  #waitForLink: SettledMark[] = [];
  #place: ConsumerPlace;
  #inbox: PullInbox | undefined;
  /** The last inbox there was: it knows whether this member is the active one. */
  #lastInbox: PullInbox | undefined;
  #stopping: Promise<void> | undefined;
  /** The consumer was deleted and begins anew behind what was settled long ago: first deliveries are no first ones. */
  #isMadeAgain = false;
  readonly #stall: Stall;
  #lastAddress: string | undefined;
  /** The youngest message that has come, and the address of its settlement. */
  #newest = { sequence: 0, address: '' };
  /** What had come when the connection broke, or the consumer moved to another server: it may come again as if for the first time. */
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
      takeBack: (delivery) => this.#takeBack(delivery),
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

  /** One sentence when it gets nothing, or waits for messages that are not settled. */
  get problem(): string | undefined {
    const { topic, group } = this.#owner.subscription;
    const { reason } = this.#trouble;
    if (reason !== undefined) return `group "${group}" receives nothing from "${topic}": ${reason}`;
    const stall = this.#stall.reason;
    return stall === undefined ? undefined : `group "${group}" takes nothing more from "${topic}": ${stall}`;
  }

  /** Messages that the server could deliver to this member now; undefined: none are to come to it. @throws TransportError */
  async waiting(): Promise<number | undefined> {
    if (this.#isFull) return undefined;
    const standing = await this.#tools.consumers.standing(this.#place);
    return standing === undefined ? undefined : deliverableTo(this.pin, standing);
  }

  /** What is here leaves no room for a handful. */
  get #isFull(): boolean {
    const { window } = this.#owner;
    const free = window - this.#unsettled.size + this.#unsettled.waiting;
    return this.#owner.isFull || free < handfulOf(window);
  }

  /** Begins to read, or begins again where the consumer is now. */
  open(place: ConsumerPlace): void {
    if (place.streamCreated !== this.#place.streamCreated) this.#forgetAll();
    // What was settled in the moment when a connection broke, or a server was killed, may not be known.
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

  /** Whether the server has sent what has not come, to nobody but this member. */
  #lacks({ delivered, activePin, pinGroup, isNew }: ConsumerPlace): boolean {
    if (this.#owner.subscription.ordering !== 'key' || isNew || this.#newest.address === '') return false;
    const isAlone =
      pinGroup === undefined ? this.#lastInbox?.hasGaps === false : activePin === undefined || activePin === this.pin;
    return isAlone && delivered.upTo > this.#newest.sequence;
  }

  /**
   * What the server had sent into a connection that broke would come again after the ack wait, behind what is younger. It is told
   * that nobody has it, before it is asked for more. n.b. it takes no notice of what is said of messages that it does not wait for.
   */
  async #retrieve(inbox: PullInbox, { delivered }: ConsumerPlace): Promise<void> {
    await this.#renounce(delivered.upTo, delivered.count);
    if (this.#inbox !== inbox) return;
    this.#isRetrieving = false;
    this.pull();
  }

  /** Tells the server that nobody has the messages behind the newest one that has come. @param last the number of the last one */
  async #renounce(last: number, delivered: number): Promise<void> {
    const { sequence, address } = this.#newest;
    const end = Math.min(last, sequence + MAX_RETRIEVED);
    for (let next = sequence + 1; next <= end; next++) {
      this.#lastAddress = addressOf(address, next, delivered);
      this.#tools.link.tell(this.#lastAddress, NAK);
    }
    await this.#confirm();
  }

  /** The connection is gone, and with it what was asked for. */
  linkDown(): void {
    void this.#inbox?.close();
    this.#inbox = undefined;
  }

  /** Asks for more where there is room for a handful. */
  pull(): void {
    const inbox = this.#inbox;
    if (inbox === undefined || this.#isStopped || this.#owner.isFull || !this.#tools.link.isUp) return;
    if (this.#isRetrieving) return;
    const { extra } = this.#takeover;
    const window = this.#owner.window + extra;
    const { size } = this.#unsettled;
    const busy = size + inbox.asked;
    const handful = extra > 0 ? 1 : handfulOf(window);
    // n.b. what is parked is counted only where it matters: it is the rare case.
    const room = window - busy >= handful ? window - busy : window - busy + this.#unsettled.waiting;
    const left = this.#place.maxUnsettled - busy;
    if (left <= 0) return this.#stall.check();
    if (room >= handful) inbox.ask(Math.min(room, left));
  }

  message(message: NatsMessage, place: StreamPlace): void {
    // n.b. a consumer of a whole stream sees what waits there for its time, too.
    if (isWaitingSubject(message.subject)) {
      this.#tools.link.tell(message.reply ?? '', ACKED);
      return this.pull();
    }
    if (this.#bodies.lacks(message, place.sequence)) return this.#withoutBody(message, place);
    const delivery = this.#take(message, place);
    if (delivery === undefined) return this.pull();
    if (this.#isStopped) return this.#giveBackEarly(delivery);
    if (this.#place.pinGroup !== undefined && this.#takeover.holds(delivery, this.pin, this.#place.ackWaitMs)) return;
    this.#owner.deliver(delivery);
  }

  /** An operator lets the consumer deliver headers only: that is no message to handle. It comes again when the consumer was looked at. */
  #withoutBody({ reply = '' }: NatsMessage, { sequence, deliveries }: StreamPlace): void {
    this.#attempts.set(sequence, Math.max(deliveries, this.#attempts.get(sequence) ?? 1));
    this.#lastAddress = reply;
    this.#tools.link.tell(reply, NAK);
    this.doubted('it delivers messages without their bodies (headers_only)', false);
  }

  /** n.b. the other one waits until everything is settled that was here: what has not begun need not be waited for. */
  deposed(): void {
    const left = this.#unsettled.all().filter(({ state }) => state !== 'running');
    for (const delivery of left) this.#giveBack(delivery);
    if (left.length > 0) this.#owner.revoked();
  }

  /** @returns nothing for what is here, or done, already */
  #take(message: NatsMessage, place: StreamPlace): NatsDelivery | undefined {
    const sentAfterMs = this.#tools.link.heardSinceMs;
    if (this.#putOff.size > 0) this.#putOff.delete(place.sequence);
    if (this.#stall.isFullOfPutOff) this.#stall.hasRoom();
    const known = this.#unsettled.get(place.sequence);
    if (known !== undefined) {
      // It must not be handled twice side by side.
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
    // Where no order is kept, an attempt that failed is a delivery too.
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

  /** n.b. nothing is asked for until it is opened again: a server that refuses would be asked without a pause. */
  doubted(why: string, isCertain: boolean): void {
    if (this.#isStopped || this.#inbox === undefined) return;
    this.linkDown();
    const { name, stream } = this.#place;
    const waitMs = this.#trouble.add(
      `consumer "${name}" of stream "${stream}" gives out no messages: ${why}`,
      isCertain,
    );
    if (this.isRefused) this.#owner.pullRefused(this, this.#trouble.reason, waitMs);
    if (waitMs === 0) return this.#owner.doubted(this);
    this.#callOffRetry = this.#tools.host.clock.schedule(waitMs, () => this.#owner.doubted(this));
  }

  /** The server refuses a subject to this user. */
  refused(subject: string, error: Error): void {
    if (this.#inbox?.refused(subject, error) === true) return;
    const { stream, consumer, sequence = 0 } = placeOf(subject) ?? {};
    if (stream !== this.#place.stream || consumer !== this.#place.name) return;
    const mark = this.#putOff.get(sequence) ?? this.#recentlyDone.get(sequence);
    if (mark?.address === subject) this.#settlementFailed(mark, error);
  }

  /** n.b. what comes again afterwards is settled once more, and refused once more: that is reported already. */
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

  /** Takes nothing more; what the server has sent already, and nobody has, goes back to it. */
  stop(undelivered: readonly NatsDelivery[]): Promise<void> {
    return (this.#stopping ??= this.#stop(undelivered));
  }

  async #stop(undelivered: readonly NatsDelivery[]): Promise<void> {
    this.#callOffRetry?.();
    this.#takeover.end();
    for (const delivery of undelivered) this.#giveBackEarly(delivery);
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

  /** Requests again what was sent to this member and was lost on its way. @param last the number of the last one */
  async #fetchUpTo(last: number, count: number, delivered: number): Promise<void> {
    await this.#renounce(last, delivered);
    await fetchAgain(this.#tools, { ...this.#target, pin: this.pin }, count, (message, place) => {
      const delivery = this.#take(message, place);
      if (delivery !== undefined) this.#giveBackEarly(delivery);
    });
  }

  /** Gives back what is not settled, so that others need not wait for it, and sees that the server has taken it all. */
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
    for (const delivery of this.#unsettled.all()) this.#giveBack(delivery);
    await this.#confirm();
  }

  /** The connection did not come back in time for them. */
  #loseSettlements(): void {
    const error = this.#tools.link.problem ?? new Error('The connection is closed.');
    for (const mark of this.#waitForLink.splice(0)) this.#settlementFailed(mark, error);
  }

  /**
   * What the server sent in the moment in which this member ceased to listen is delivered again before all that is given back here,
   * although it is younger. It is fetched, to be given back behind that.
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
   * Messages that were sent to this member, are not settled and not here. n.b. asking for it matters by itself: the server keeps a
   * request of ours until it is looked at, gives a message to that one, finds nobody there, and puts the message behind the others.
   */
  async #missing(): Promise<number> {
    const { others } = await this.#lookAtOthers();
    return this.#lastInbox?.hasGaps === false ? others : 0;
  }

  /** Others: messages that were delivered to whomever, are not settled, and are not here. */
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

  /** Where all members together are by now. */
  standsAt({ settledUpTo, unsettled, pausedUntil, place }: ConsumerStanding): void {
    if (settledUpTo > this.#place.settledUpTo) this.#tools.link.settlementsPass();
    this.#follow(place);
    if (settledUpTo >= this.#heardBefore) this.#heardBefore = 0;
    for (const known of this.#attempts.keys()) if (known <= settledUpTo) this.#attempts.delete(known);
    for (const known of this.#putOff.keys()) if (known <= settledUpTo) this.#putOff.delete(known);
    this.#stall.seen(this.#putOff.size > 0 && unsettled >= this.#place.maxUnsettled, pausedUntil);
  }

  /** An operator, or another version of the service, may have changed the consumer. */
  #follow(place: ConsumerPlace): void {
    const before = this.#place;
    this.#place = place;
    if (place.ackWaitMs !== before.ackWaitMs) this.#keepAlive.tick();
    if (!isDeepStrictEqual(followedOf(place), followedOf(before))) this.#owner.doubted(this);
  }

  /** Somebody else is given it. */
  #takeBack(delivery: NatsDelivery): void {
    if (delivery.state === 'parked') this.#attempts.set(delivery.sequence, delivery.attempt);
    this.#unsettled.delete(delivery);
    delivery.revoke();
  }

  /** n.b. one with a key waits for those before it: the server delivers again in the order in which it was given back. */
  #giveBackEarly(delivery: NatsDelivery): void {
    const keepsOrder = this.#owner.subscription.ordering === 'key' && delivery.key !== undefined;
    if (!keepsOrder) this.#giveBack(delivery);
  }

  #giveBack(delivery: NatsDelivery): void {
    this.#unsettled.delete(delivery);
    delivery.revoke();
    this.#lastAddress = delivery.address;
    this.#tools.link.tell(delivery.address, NAK);
  }

  /** n.b. the server works through settlements in their order, so one answer confirms all that were told before. */
  async #confirm(): Promise<void> {
    if (this.#lastAddress === undefined) return;
    const request = { timeout: CONFIRM_LIMIT_MS };
    await this.#tools.link.connection.request(this.#lastAddress, ANSWER_ME, request).catch(ignore);
  }

  /** Another stream of the same name: nothing that is here is known there. */
  #forgetAll(): void {
    for (const delivery of this.#unsettled.all()) this.#takeBack(delivery);
    this.#attempts.clear();
    this.#putOff.clear();
    this.#recentlyDone.clear();
    this.#newest = { sequence: 0, address: '' };
    this.#owner.revoked();
  }
}

/** What a message's next delivery should say, where the server would say less. */
function addNote(notes: Map<number, number>, { sequence, state, attempt, deliveries }: NatsDelivery): void {
  const next = state === 'running' ? attempt + 1 : attempt;
  if (next > deliveries + 1) notes.set(sequence, next);
}

/** What requests and warnings depend on. */
const followedOf = ({ maxBatch, maxExpiresMs, pinGroup, maxDeliveries }: ConsumerPlace): unknown[] => [
  maxBatch,
  maxExpiresMs,
  pinGroup,
  maxDeliveries,
];

/** So much room is worth a request. */
const handfulOf = (window: number): number => Math.ceil(window / 4);

const ignore = (): void => undefined;
