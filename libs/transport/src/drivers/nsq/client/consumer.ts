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

/** Options of a consumer; at least one of `nsqd` and `lookupd` is required. */
export interface NsqConsumerOptions extends NsqClientOptions, NsqPlaces {
  /** The topic to read. nsqd creates it on subscription if it is missing. */
  readonly topic: string;
  /** The channel to read. All consumers of a channel share its messages; each channel gets all messages of the topic. */
  readonly channel: string;
  /** Most unsettled messages in this consumer, over all nsqd. @default 100 */
  readonly maxInFlight?: number;
  /** Receives messages. Settle each of them, in any order. It must not throw. */
  readonly onMessages: (messages: readonly NsqMessage[]) => void;
  /** Receives messages that nsqd redelivers to another consumer; settling them has no effect from now on. */
  readonly onLost?: (messages: readonly NsqMessage[]) => void;
  /** Called if a FIN, REQ or TOUCH arrived after nsqd had taken the message back. */
  readonly onTooLate?: (command: LateCommand, messageId: string, nsqd: string) => void;
  /** Called if the connection to this nsqd broke: settlements at `sinceMs` of the monotonic clock or later may not have arrived. */
  readonly onCutOff?: (nsqd: string, sinceMs: number) => void;
  /** Called when subscribed at this nsqd, `host:port`, and after each reconnect. */
  readonly onUp?: (nsqd: string) => void;
  /** Called if the connection is lost; the next attempt follows after `againInMs` milliseconds. */
  readonly onDown?: (nsqd: string, error: NsqError, againInMs: number) => void;
}

/** Defaults of the options of `NsqConsumer`. */
export const CONSUMER_DEFAULTS = { maxInFlight: 100 } as const;

/** Milliseconds per turn if there are fewer messages than nsqd. */
const TURN_MS = 250;
/** Fraction of nsqd's message timeout for which a message waits for room here before it is returned. */
const HELD_PART = 1 / 3;

/** Messages that wait for a consumer at one nsqd. */
export interface NsqdBacklog {
  /** Address of the nsqd, `host:port`. */
  readonly nsqd: string;
  /** The HTTP address that was queried; undefined if nsqlookupd did not list the nsqd. */
  readonly httpUrl: string | undefined;
  /** Messages that it could deliver to this consumer now; undefined if it did not answer. */
  readonly waiting: number | undefined;
  /** What an operator has paused there; undefined if nothing is. */
  readonly paused: Backlog['paused'];
}

/** An nsqd that may send more messages when there is room for them. */
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
 * It never touches messages by itself: a handler that hangs loses its message after `messageTimeoutMs`.
 */
export class NsqConsumer {
  readonly #options: NsqConsumerOptions & typeof CONSUMER_DEFAULTS;
  readonly #settings: NsqSettings;
  readonly #nodes: NodeSet;
  readonly #backlogs: BacklogSource;
  readonly #subscribed = new Map<string, SubscribedNode>();
  /** Messages above the limit, which were on their way when the turn went to another nsqd. */
  #held = new Fifo<NsqMessage>();
  #callOffHeld: (() => void) | undefined;
  #owed: readonly Owed[] = [];
  #active = 0;
  #turn = 0;
  #callOffTurn: (() => void) | undefined;
  #stopped = false;
  #closed: Promise<void> | undefined;
  #onChange: (() => void)[] = [];

  /** @throws NsqError `invalid` for a topic or channel that nsqd would reject */
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

  /** Unsettled messages of this consumer, including those that are set aside. */
  get unsettled(): readonly NsqMessage[] {
    return [...this.#subscribed.values()].flatMap((node) => node.unsettled);
  }

  /** True while it reads from at least one nsqd. */
  get isUp(): boolean {
    return this.#up.length > 0;
  }

  /** True if there is nothing to read from yet: nsqlookupd answers and lists no nsqd with the topic. */
  get isEarly(): boolean {
    return this.#nodes.nodes.length === 0 && this.#nodes.lookupProblems.length === 0;
  }

  /** True while `maxInFlight` messages are unsettled here: nsqd delivers no more. */
  get isFull(): boolean {
    return this.#active >= this.#options.maxInFlight;
  }

  /** Queries every nsqd that it reads from, over HTTP, for the waiting messages. Never rejects. */
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

  /** Current problems: an unreachable nsqd, or an nsqlookupd that does not answer. */
  get problems(): readonly NsqError[] {
    const ofNodes = this.#nodes.nodes.map(({ problem }) => problem).filter((problem) => problem !== undefined);
    return [...ofNodes, ...this.#nodes.lookupProblems];
  }

  /** The facts that each connected nsqd reported in the handshake. */
  get facts(): readonly NsqdFacts[] {
    return this.#up.map(({ facts }) => facts).filter((facts) => facts !== undefined);
  }

  /** Returns the facts of the nsqd that sent a message; undefined once its connection is lost. */
  factsOf({ nsqd }: NsqMessage): NsqdFacts | undefined {
    return this.#subscribed.get(nsqd)?.facts;
  }

  /**
   * Connects and subscribes. Resolves when it reads from at least one nsqd and has tried every other once, or when nsqlookupd lists
   * none yet. It waits for passing failures without a limit, and keeps reconnecting afterwards.
   * @throws NsqError for what waiting does not fix: names, login, certificate; `closed` if `close` ends the wait
   */
  async start(): Promise<void> {
    await this.#nodes.start();
    while (!this.isUp && !this.isEarly) {
      if (this.#closed !== undefined) throw new NsqError('closed', 'the consumer was closed before it started.');
      const lasting = this.problems.find((problem) => !isPassing(problem));
      if (lasting !== undefined) {
        await this.close();
        throw lasting;
      }
      await new Promise<void>((resolve) => this.#onChange.push(resolve));
    }
  }

  /** Stops receiving new messages; received ones can still be settled. */
  stop(): void {
    this.#stopped = true;
    this.#callOffTurn?.();
    this.#callOffHeld?.();
    this.#owed = [];
    for (const node of this.#subscribed.values()) node.ready(0);
    for (let next = this.#held.shift(); next !== undefined; next = this.#held.shift()) next.requeue();
  }

  /** Returns unsettled messages to nsqd, waits until nsqd has read everything, and closes. Further calls do nothing. */
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

  /** The wait is limited, because an nsqd may not answer any more. */
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
    if (room >= messages.length && this.#held.size === 0) return this.#deliver(messages);
    for (const message of messages) this.#held.push(message);
    this.#deliverHeld();
    this.#returnHeldLater();
  }

  /** Held messages are not touched while they wait, so they are returned before their timeout. */
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

  #deliver(messages: readonly NsqMessage[]): void {
    this.#active += messages.length;
    for (const message of messages) message.isHandedOver = true;
    this.#options.onMessages(messages);
  }

  #deliverHeld(): void {
    const messages: NsqMessage[] = [];
    while (this.#held.size > 0 && this.#active + messages.length < this.#options.maxInFlight) {
      const message = this.#held.shift() as NsqMessage;
      if (message.isKept) messages.push(message);
      else message.requeue();
    }
    if (messages.length > 0) this.#deliver(messages);
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
    if (this.#held.size > 0) this.#deliverHeld();
    if (this.#owed.length > 0) this.#grant();
  }

  /** Room is taken from an nsqd at once, and given to another when the messages that used it are settled. */
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
      // An nsqd that is owed room comes first, however long the handlers take.
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
    for (const notify of this.#onChange.splice(0)) notify();
  }
}

const LONGEST_HELD_MS = 10_000;
/** Milliseconds to wait for the last reply of an nsqd. */
const CLOSE_PATIENCE_MS = 2_000;
