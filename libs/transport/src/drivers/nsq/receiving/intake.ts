import {
  settlementFailed,
  TransportError,
  type BrokerHost,
  type Settlement,
  type Subscription,
  type SubscriptionSink,
} from '../../../contract/index.js';
import { AttemptMemory } from './attempt-memory.js';
import {
  EPHEMERAL,
  NsqConsumer,
  type LateCommand,
  type NsqdBacklog,
  type NsqError,
  type NsqMessage,
} from '../client/index.js';
import { actionAt, keptForMs, LOOKS } from '../deadlines.js';
import { NsqDelivery, type DeliveryOwner } from './delivery.js';
import { bare, unwrap } from '../publishing/envelope.js';
import { transportError } from '../mapping.js';
import type { ResolvedNsqOptions } from '../options.js';
import { Pauses } from './pauses.js';
import { RecentSettlements, type SentSettlement } from './recent-settlements.js';

/** The channel of a subscription: nsqd forgets an ephemeral one when its last consumer has left. */
export const channelOf = ({ group, delivery }: Subscription): string =>
  delivery === 'every-instance' ? `${group}${EPHEMERAL}` : group;

const isDoubtful = ({ state, message }: NsqDelivery): boolean => state !== 'running' && !message.isKept;

/** Between two looks at what is at work. */
const EARLIEST_LOOK_MS = 20;

/**
 * In message timeouts: a process that is younger may follow one that a message has ended. n.b. later, a message that comes for the
 * third time is taken for one that failed at other members, because nsqd counts both alike.
 */
const MAY_FOLLOW_TIMEOUTS = 2;
const LEAST_MAY_FOLLOW_MS = 30_000;

/** nsqd is asked this often what an operator has paused. */
const WATCH_MS = 4_000;

/** One subscription: a channel's messages on their way to a sink, and what becomes of them on their way back. */
export class Intake implements DeliveryOwner {
  readonly topic: string;
  readonly group: string;
  readonly #host: BrokerHost;
  readonly #options: ResolvedNsqOptions;
  readonly #each: SubscriptionSink;
  readonly #consumer: NsqConsumer;
  readonly #pauses: Pauses;
  readonly #attempts = new AttemptMemory();
  readonly #sent = new RecentSettlements();
  /** Everything that is ours to settle, oldest first. */
  readonly #unsettled = new Map<NsqMessage, NsqDelivery>();
  /** Came while the sink had enough. */
  #queued: NsqDelivery[] = [];
  #sinkIsFull = false;
  #callOffLook: () => void = () => undefined;
  #callOffWatch: () => void = () => undefined;
  #started = false;
  readonly #openedAtMs: number;
  #cutOff = false;
  #closed: Promise<void> | undefined;

  constructor(
    host: BrokerHost,
    options: ResolvedNsqOptions,
    client: Pick<ConstructorParameters<typeof NsqConsumer>[0], 'clientId' | 'nsqd' | 'lookupd'>,
    each: SubscriptionSink,
  ) {
    const { subscription } = each;
    this.#host = host;
    this.#options = options;
    this.#each = each;
    this.topic = subscription.topic;
    this.group = subscription.group;
    this.#openedAtMs = host.clock.monotonicMs();
    this.#pauses = new Pauses(host, subscription.topic, channelOf(subscription));
    this.#consumer = new NsqConsumer({
      ...client,
      topic: subscription.topic,
      channel: channelOf(subscription),
      maxInFlight: subscription.maxInFlight,
      onMessages: (messages) => this.#receive(messages),
      onLost: (messages) => this.#lose(messages),
      onTooLate: (command, id, nsqd) => this.#tooLate(command, id, nsqd),
      onCutOff: (nsqd, sinceMs) => this.#cutOffFrom(nsqd, sinceMs),
      onUp: () => this.#up(),
      onDown: (_nsqd, error, againInMs) => this.#down(error, againInMs),
    });
  }

  /** True when messages can come, or there are none yet. */
  get isUp(): boolean {
    return this.#consumer.isUp || this.#consumer.isEarly;
  }

  /** Of connections to nsqd, and of nsqlookupd. */
  get problems(): readonly NsqError[] {
    return this.#consumer.problems;
  }

  /** One sentence for each nsqd that delivers nothing because an operator wants it so. */
  get pauses(): readonly string[] {
    return this.#pauses.problems;
  }

  /** How many messages nsqd could deliver now and has not. undefined: not known, or intake is held back here. Never rejects. */
  async waiting(): Promise<number | undefined> {
    const isEarly = this.#consumer.isEarly;
    const backlogs = await this.#askForBacklog();
    if (this.#closed !== undefined || this.#sinkIsFull || this.#consumer.isFull) return undefined;
    if (backlogs.length === 0) return isEarly ? 0 : undefined;
    const atLeast = backlogs.reduce((sum, { waiting = 0 }) => sum + waiting, 0);
    const isComplete = backlogs.every(({ waiting }) => waiting !== undefined);
    return isComplete || atLeast > 0 ? atLeast : undefined;
  }

  get messageTimeoutMs(): number {
    return this.#options.messageTimeoutMs;
  }

  /** Resolves when the channel is read from, or nsqlookupd knows of no nsqd yet. @throws NsqError for what waiting does not mend */
  async start(): Promise<void> {
    await this.#consumer.start();
    this.#started = true;
    this.#lookLater();
    this.#watchLater();
  }

  /** Hands over nothing new; what the sink has not seen goes back at once. */
  stop(): void {
    this.#consumer.stop();
    for (const delivery of this.#queued.splice(0)) this.#giveBack(delivery);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.stop();
    this.#callOffLook();
    this.#callOffWatch();
    this.#giveBackAll([...this.#unsettled.values()]);
    await this.#consumer.close();
  }

  settled(delivery: NsqDelivery, settlement: Settlement): void {
    const { message } = delivery;
    this.#unsettled.delete(message);
    this.#remember(delivery, settlement);
    if (settlement.kind !== 'nack') return void message.finish();
    this.#attempts.remember(message, delivery.attempt + 1);
    message.requeue(Math.min(settlement.delayMs, this.#options.maxRequeueDelayMs));
  }

  /** It waits in this process: another may come in its place. */
  parked({ message }: NsqDelivery): void {
    message.setAside();
  }

  /** Nothing begins with what may be somebody else's: it goes back, and comes again, here or elsewhere. */
  doubted(): void {
    this.#giveBackAll([...this.#unsettled.values()].filter((delivery) => isDoubtful(delivery)));
    this.#queued = this.#queued.filter(({ state }) => state !== 'revoked');
  }

  #receive(messages: readonly NsqMessage[]): void {
    const deliveries = messages.map((message) => this.#deliveryOf(message));
    if (this.#sinkIsFull) this.#queued.push(...deliveries);
    else this.#handOver(deliveries);
  }

  #deliveryOf(message: NsqMessage): NsqDelivery {
    const unwrapped = this.#options.envelope === 'none' ? bare(message.body) : unwrap(message.body, this.topic);
    const suspicion = message.attempts > 1 ? this.#suspicionOf(message) : 0;
    const attempt = this.#attempts.attemptOf(message);
    const delivery = new NsqDelivery(this, message, unwrapped, attempt, suspicion);
    this.#unsettled.set(message, delivery);
    return delivery;
  }

  #suspicionOf(message: NsqMessage): number {
    const ageMs = this.#host.clock.monotonicMs() - this.#openedAtMs;
    const mayFollow = ageMs < Math.max(LEAST_MAY_FOLLOW_MS, this.#options.messageTimeoutMs * MAY_FOLLOW_TIMEOUTS);
    return mayFollow && !this.#attempts.knows(message) ? message.attempts - 1 : 0;
  }

  #handOver(deliveries: readonly NsqDelivery[]): void {
    const enough = this.#each.sink.receive(deliveries);
    if (enough === undefined) return;
    this.#sinkIsFull = true;
    void Promise.resolve(enough).then(() => {
      this.#sinkIsFull = false;
      if (this.#queued.length > 0) this.#handOver(this.#queued.splice(0));
    });
  }

  /** nsqd gives them to somebody else: nothing that we say about them counts. */
  #lose(messages: readonly NsqMessage[]): void {
    const lost = new Set<NsqDelivery>();
    for (const message of messages) {
      const delivery = this.#unsettled.get(message);
      this.#unsettled.delete(message);
      if (delivery === undefined) continue;
      delivery.revoke();
      lost.add(delivery);
    }
    this.#queued = this.#queued.filter((delivery) => !lost.has(delivery));
    if (lost.size > 0) this.#each.sink.revoked();
  }

  #giveBackAll(deliveries: readonly NsqDelivery[]): void {
    for (const delivery of deliveries) this.#giveBack(delivery);
    if (deliveries.length > 0) this.#each.sink.revoked();
  }

  /** n.b. revoked first: once nsqd has it, somebody else may begin with it. What waits for a retry waits on there. */
  #giveBack(delivery: NsqDelivery): void {
    const { message, state, attempt, notBeforeMs } = delivery;
    delivery.revoke();
    this.#unsettled.delete(message);
    this.#attempts.remember(message, state === 'running' ? attempt + 1 : attempt);
    const leftMs = notBeforeMs > 0 ? notBeforeMs - this.#host.clock.monotonicMs() : 0;
    message.requeue(Math.min(Math.max(0, leftMs), this.#options.maxRequeueDelayMs));
  }

  /** @param nextEndMs when the first of the messages can be kept no longer */
  #lookLater(nextEndMs = Number.POSITIVE_INFINITY): void {
    if (this.#closed !== undefined) return;
    const inMs = Math.min(this.#shortestTimeoutMs / LOOKS, nextEndMs);
    this.#callOffLook = this.#host.clock.schedule(Math.max(EARLIEST_LOOK_MS, inMs), () => this.#look());
  }

  get #shortestTimeoutMs(): number {
    const ofNsqds = this.#consumer.facts.map(({ messageTimeoutMs }) => messageTimeoutMs);
    return Math.min(this.#options.messageTimeoutMs, ...ofNsqds);
  }

  /** Keeps what is at work, as long as nsqd allows it. */
  #look(): void {
    const now = this.#host.clock.monotonicMs();
    const over: NsqDelivery[] = [];
    let nextEndMs = Number.POSITIVE_INFINITY;
    for (const [message, delivery] of this.#unsettled) {
      const facts = this.#consumer.factsOf(message);
      if (facts === undefined) continue;
      const ageMs = now - message.receivedAtMs;
      const action = isDoubtful(delivery) ? 'give back' : actionAt(ageMs, facts, now - message.keptSinceMs);
      if (action === 'touch') message.touch();
      if (action === 'give back') over.push(delivery);
      else nextEndMs = Math.min(nextEndMs, keptForMs(facts.maxMessageTimeoutMs) - ageMs);
    }
    this.#queued = this.#queued.filter((delivery) => !over.includes(delivery));
    this.#giveBackAll(over);
    this.#lookLater(nextEndMs);
  }

  #watchLater(): void {
    if (this.#closed !== undefined) return;
    this.#callOffWatch = this.#host.clock.schedule(WATCH_MS, () => {
      void this.#askForBacklog().then(() => this.#watchLater());
    });
  }

  async #askForBacklog(): Promise<readonly NsqdBacklog[]> {
    const backlogs = await this.#consumer.backlog();
    if (this.#closed === undefined) this.#pauses.note(backlogs);
    return backlogs;
  }

  /** n.b. hot path. */
  #remember(delivery: NsqDelivery, settlement: Settlement): void {
    const { nsqd, id } = delivery.message;
    this.#sent.add(nsqd, id, this.#host.clock.monotonicMs(), settlement, delivery);
  }

  /** nsqd had taken the message back. n.b. what this process gave back by itself is with somebody else, as it was to be. */
  #tooLate(command: LateCommand, id: string, nsqd: string): void {
    const sent = command === 'TOUCH' ? undefined : this.#sent.takeRefused(nsqd, id);
    const cause = `nsqd ${nsqd} answered E_${command}_FAILED: the ${command} came after it had taken the message back.`;
    if (sent !== undefined) this.#failed(sent, cause);
  }

  #cutOffFrom(nsqd: string, sinceMs: number): void {
    const cause = `The connection to nsqd ${nsqd} broke before it was certain that nsqd had read it.`;
    for (const sent of this.#sent.takeSentSince(nsqd, sinceMs)) this.#failed(sent, cause);
  }

  #failed({ id, key, attempt, settlement }: SentSettlement, cause: string): void {
    const { topic, group } = this;
    settlementFailed(this.#host, { topic, group, id, key, attempt }, settlement, new Error(cause));
  }

  #up(): void {
    if (!this.#cutOff) return;
    this.#cutOff = false;
    const { broker } = this.#host;
    this.#host.notices.emit('subscription:recovered', { broker, topic: this.topic, group: this.group });
  }

  #down(cause: NsqError, restartInMs: number): void {
    if (!this.#started || this.#cutOff || this.#consumer.isUp || this.#closed !== undefined) return;
    this.#cutOff = true;
    const { broker } = this.#host;
    const { topic, group } = this;
    const reason = transportError(cause, `cannot read channel "${group}" of "${topic}"`, { topic });
    const error = new TransportError('TRANSPORT_SUBSCRIPTION_CRASHED', reason.message, {
      ...{ driver: 'nsq', topic, retryable: true, cause: reason },
    });
    this.#host.notices.emit('subscription:crashed', { broker, topic, group, error, restartInMs });
  }
}
