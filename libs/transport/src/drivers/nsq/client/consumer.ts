import { Fifo } from '../../../shared/index.js';
import { BacklogSource, type Backlog } from './backlog.js';
import type { LateCommand } from './connection.js';
import { isPassing, NsqError } from './failure.js';
import type { NsqdFacts } from './handshake.js';
import type { NsqMessage } from './message.js';
import { nameProblem } from './names.js';
import { NodeSet, type NsqPlaces } from './node-set.js';
import { settingsOf, type NsqClientOptions, type NsqSettings } from './settings.js';
import { shares } from './shares.js';
import { SubscribedNode, type SubscribedNodeListener } from './subscribed-node.js';

/** What a consumer is told; one of `nsqd` and `lookupd` at least. */
export interface NsqConsumerOptions extends NsqClientOptions, NsqPlaces {
  /** nsqd makes it with the subscription, where it is not there. */
  readonly topic: string;
  /** All consumers of one channel share its messages; each channel gets all of the topic. */
  readonly channel: string;
  /** Messages that may be unsettled here at once, over all nsqd. @default 100 */
  readonly maxInFlight?: number;
  /** Takes what came; each is to be settled, in any order. It must not throw. */
  readonly onMessages: (messages: readonly NsqMessage[]) => void;
  /** nsqd will give these to somebody else; settling them does nothing from now on. */
  readonly onLost?: (messages: readonly NsqMessage[]) => void;
  /** A FIN, REQ or TOUCH came after nsqd had taken the message back. */
  readonly onTooLate?: (command: LateCommand, messageId: string, nsqd: string) => void;
  /** The connection to this nsqd broke: what was settled at `sinceMs` of the monotonic clock or later may not have arrived. */
  readonly onCutOff?: (nsqd: string, sinceMs: number) => void;
  /** Subscribed at this nsqd, `host:port`; again after each reconnect. */
  readonly onUp?: (nsqd: string) => void;
  /** The connection is lost, and is tried again in so many milliseconds. */
  readonly onDown?: (nsqd: string, error: NsqError, againInMs: number) => void;
}

/** What an option of `NsqConsumer` is when it is left out. */
export const CONSUMER_DEFAULTS = { maxInFlight: 100 } as const;

/** Fewer messages than nsqd: so often the turn goes to the next. */
const TURN_MS = 250;
/** Of nsqd's message timeout: for as long a message waits for room here before it goes back. */
const HELD_PART = 1 / 3;

/** What waits for a consumer at one nsqd. */
export interface NsqdBacklog {
  /** `host:port`. */
  readonly nsqd: string;
  /** Where it was asked; undefined where nsqlookupd did not list it, and there is nobody to ask. */
  readonly httpUrl: string | undefined;
  /** Messages that it could deliver to this consumer now; undefined where it did not answer. */
  readonly waiting: number | undefined;
  /** What an operator has paused there. */
  readonly paused: Backlog['paused'];
}

/** An nsqd that gets more places when there is room for them. */
interface Owed {
  readonly node: SubscribedNode;
  readonly share: number;
}

/**
 * Reads one channel of one topic from every nsqd that has it.
 *
 * ```ts
 * const consumer = new NsqConsumer({
 *   lookupd: ['http://127.0.0.1:4161'],
 *   topic: 'orders',
 *   channel: 'mail',
 *   onMessages: (messages) => messages.forEach((message) => message.finish()),
 * });
 * await consumer.start();
 * ```
 * n.b. it never touches a message by itself: a handler that hangs loses its message after `messageTimeoutMs`.
 */
export class NsqConsumer {
  readonly #options: NsqConsumerOptions & typeof CONSUMER_DEFAULTS;
  readonly #settings: NsqSettings;
  readonly #nodes: NodeSet;
  readonly #backlogs: BacklogSource;
  readonly #subscribed = new Map<string, SubscribedNode>();
  /** Came, although the bound is reached: they were under way when the turn went to another nsqd. */
  #held = new Fifo<NsqMessage>();
  #callOffHeld: (() => void) | undefined;
  #owed: readonly Owed[] = [];
  #active = 0;
  #turn = 0;
  #callOffTurn: (() => void) | undefined;
  #stopped = false;
  #closed: Promise<void> | undefined;
  #tellChange: (() => void)[] = [];

  /** @throws NsqError `invalid` for a topic or channel that nsqd would refuse */
  constructor(options: NsqConsumerOptions) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#options = { ...CONSUMER_DEFAULTS, ...given } as NsqConsumerOptions & typeof CONSUMER_DEFAULTS;
    for (const what of ['topic', 'channel'] as const) {
      const problem = nameProblem(options[what]);
      if (problem !== undefined)
        throw new NsqError('invalid', `${what} "${options[what]}" cannot be used: ${problem}.`);
    }
    this.#settings = settingsOf(options);
    this.#backlogs = new BacklogSource(options.topic, options.channel, this.#settings.clock);
    this.#nodes = new NodeSet(options, options.topic, this.#settings, {
      listenerFor: (address) => this.#subscribeAt(address),
      lookedUp: () => this.#changed(),
    });
  }

  /** Messages that came and are not settled, those that are set aside too. */
  get unsettled(): readonly NsqMessage[] {
    return [...this.#subscribed.values()].flatMap((node) => node.unsettled);
  }

  /** True while it reads from one nsqd at least. */
  get isUp(): boolean {
    return this.#up.length > 0;
  }

  /** True when there is nothing to read from yet: nsqlookupd answers, and knows no nsqd that has the topic. */
  get isEarly(): boolean {
    return this.#nodes.nodes.length === 0 && this.#nodes.lookupProblems.length === 0;
  }

  /** True while as many messages are unsettled here as may be: nsqd delivers no more. */
  get isFull(): boolean {
    return this.#active >= this.#options.maxInFlight;
  }

  /** Asks every nsqd that it reads from, over HTTP, what waits there. Never rejects. */
  backlog(): Promise<readonly NsqdBacklog[]> {
    const answers = this.#nodes.nodes.map(async (node): Promise<NsqdBacklog> => {
      const nsqd = node.address.text;
      const httpUrl = this.#nodes.httpUrlOf(node);
      const backlog = httpUrl === undefined ? undefined : await this.#backlogs.at(httpUrl);
      const isFull = this.#subscribed.get(nsqd)?.isFull ?? false;
      return { nsqd, httpUrl, waiting: isFull && backlog ? 0 : backlog?.waiting, paused: backlog?.paused };
    });
    return Promise.all(answers);
  }

  get problems(): readonly NsqError[] {
    const ofNodes = this.#nodes.nodes.map(({ problem }) => problem).filter((problem) => problem !== undefined);
    return [...ofNodes, ...this.#nodes.lookupProblems];
  }

  /** What each nsqd says that it reads from. */
  get facts(): readonly NsqdFacts[] {
    return this.#up.map(({ facts }) => facts).filter((facts) => facts !== undefined);
  }

  /** What the nsqd said that a message came from; undefined once its connection is gone. */
  factsOf({ nsqd }: NsqMessage): NsqdFacts | undefined {
    return this.#subscribed.get(nsqd)?.facts;
  }

  /**
   * Resolves when it reads from one nsqd at least, and every other had one try; or when nsqlookupd knows none yet. It waits
   * without end for what may pass, and goes on trying afterwards.
   * @throws NsqError for what waiting does not mend: names, login, certificate; `closed` when `close` ends the wait
   */
  async start(): Promise<void> {
    await this.#nodes.start();
    while (!this.isUp && !this.isEarly) {
      if (this.#closed !== undefined) throw new NsqError('closed', 'the consumer was closed before it had begun.');
      const lasting = this.problems.find((problem) => !isPassing(problem));
      if (lasting !== undefined) {
        await this.close();
        throw lasting;
      }
      await new Promise<void>((resolve) => this.#tellChange.push(resolve));
    }
  }

  /** Nothing new comes any more; what has come can still be settled. */
  stop(): void {
    this.#stopped = true;
    this.#callOffTurn?.();
    this.#callOffHeld?.();
    this.#owed = [];
    for (const node of this.#subscribed.values()) node.ready(0);
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) next.requeue();
  }

  /** Gives back what is not settled, makes sure that nsqd has read everything, and hangs up. Twice is the same as once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.stop();
    for (const message of this.unsettled) message.requeue();
    await Promise.all([...this.#subscribed.values()].map((node) => this.#endIntake(node)));
    await this.#nodes.close();
    this.#changed();
  }

  /** n.b. with an nsqd that does not answer any more there is nothing to make sure of. */
  async #endIntake(node: SubscribedNode): Promise<void> {
    let callOff = (): void => undefined;
    const patience = new Promise<void>((resolve) => {
      callOff = this.#settings.clock.schedule(CLOSE_PATIENCE_MS, resolve);
    });
    await Promise.race([node.endIntake(), patience]);
    callOff();
  }

  get #up(): SubscribedNode[] {
    return [...this.#subscribed.values()].filter(({ isUp }) => isUp);
  }

  #subscribeAt(address: string): SubscribedNode {
    const { topic, channel, onTooLate, onCutOff, onUp, onDown } = this.#options;
    const listener: SubscribedNodeListener = {
      received: (messages) => this.#received(messages),
      settled: (message) => this.#ended([message]),
      setAside: () => this.#left(1),
      lost: (messages) => this.#lost(messages),
      tooLate: (command, id) => onTooLate?.(command, id, address),
      cutOff: (sinceMs) => onCutOff?.(address, sinceMs),
      up: ({ nsqd }) => {
        this.#spread();
        onUp?.(nsqd);
        this.#changed();
      },
      down: ({ nsqd }, error, againInMs) => {
        this.#spread();
        onDown?.(nsqd, error, againInMs);
        this.#changed();
      },
    };
    const { clock } = this.#settings;
    const node = new SubscribedNode(address, topic, channel, () => clock.monotonicMs(), listener);
    this.#subscribed.set(address, node);
    return node;
  }

  #received(messages: readonly NsqMessage[]): void {
    if (this.#stopped) return messages.forEach((message) => void message.requeue());
    const room = this.#options.maxInFlight - this.#active;
    if (room >= messages.length && this.#held.size === 0) return this.#handOver(messages);
    for (const message of messages) this.#held.push(message);
    this.#handOverHeld();
    this.#returnHeldLater();
  }

  /** n.b. nobody keeps them while they wait. */
  #returnHeldLater(): void {
    if (this.#held.size === 0 || this.#callOffHeld !== undefined) return;
    const inMs = Math.min(...this.facts.map(({ messageTimeoutMs }) => messageTimeoutMs * HELD_PART), LONGEST_HELD_MS);
    this.#callOffHeld = this.#settings.clock.schedule(inMs, () => {
      this.#callOffHeld = undefined;
      const oldestMs = this.#settings.clock.monotonicMs() - inMs;
      const held = this.#held;
      this.#held = new Fifo<NsqMessage>();
      for (let next = held.shift(); next !== undefined; next = held.shift()) {
        if (next.receivedAtMs <= oldestMs) next.requeue();
        else this.#held.push(next);
      }
      this.#returnHeldLater();
    });
  }

  #handOver(messages: readonly NsqMessage[]): void {
    this.#active += messages.length;
    for (const message of messages) message.isHandedOver = true;
    this.#options.onMessages(messages);
  }

  #handOverHeld(): void {
    const messages: NsqMessage[] = [];
    while (this.#held.size > 0 && this.#active + messages.length < this.#options.maxInFlight) {
      const message = this.#held.shift() as NsqMessage;
      if (message.isKept) messages.push(message);
      else message.requeue();
    }
    if (messages.length > 0) this.#handOver(messages);
  }

  #lost(messages: readonly NsqMessage[]): void {
    this.#ended(messages);
    const known = messages.filter(({ isHandedOver }) => isHandedOver);
    if (known.length > 0) this.#options.onLost?.(known);
  }

  #ended(messages: readonly NsqMessage[]): void {
    this.#left(messages.filter(({ isAside, isHandedOver }) => isHandedOver && !isAside).length);
  }

  #left(count: number): void {
    this.#active = Math.max(0, this.#active - count);
    if (this.#held.size > 0) this.#handOverHeld();
    if (this.#owed.length > 0) this.#grant();
  }

  /** Places are taken from an nsqd at once, and given when what came through them is settled. */
  #spread(): void {
    if (this.#stopped) return;
    const up = this.#up;
    const { maxInFlight } = this.#options;
    const targets = shares(maxInFlight, up.length, this.#turn);
    const places = up.map((node, index) => ({ node, share: targets[index] as number }));
    for (const { node, share } of places) if (share < node.share) node.ready(share);
    this.#owed = places.filter(({ node, share }) => share > node.share);
    this.#grant();
    this.#callOffTurn?.();
    this.#callOffTurn = undefined;
    if (maxInFlight >= up.length) return;
    this.#callOffTurn = this.#settings.clock.schedule(TURN_MS, () => {
      // n.b. those that are owed a place come first, however long the handlers take.
      if (this.#owed.length === 0) this.#turn++;
      this.#spread();
    });
  }

  #grant(): void {
    const taken = this.#up.reduce((sum, { active, share }) => sum + Math.max(active, share), 0);
    let room = Math.max(0, this.#options.maxInFlight - taken);
    this.#owed = this.#owed.filter(({ node, share }) => {
      const used = Math.max(0, node.active - node.share);
      const more = Math.min(share - node.share, used + room);
      room -= Math.max(0, more - used);
      if (more > 0) node.ready(node.share + more);
      return node.share < share;
    });
  }

  #changed(): void {
    for (const tell of this.#tellChange.splice(0)) tell();
  }
}

const LONGEST_HELD_MS = 10_000;
/** For the last answer of an nsqd. */
const CLOSE_PATIENCE_MS = 2_000;
