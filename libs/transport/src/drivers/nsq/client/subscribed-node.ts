import { CLS, fin, rdy, req, sub, touch } from './commands.js';
import type { LateCommand, NsqdConnection } from './connection.js';
import type { NsqError } from './failure.js';
import type { MessageFrame } from './frames.js';
import type { NsqdFacts } from './handshake.js';
import { NsqMessage, type MessageOwner } from './message.js';
import type { NodeListener } from './node.js';

/** Of nsqd's message timeout: the moment in which a message came is known to a fifth of it. */
const CERTAIN_PART = 0.8;

/** An nsqd that hangs up has read what had arrived: only what was on the way in the last moments may be lost. */
const ON_THE_WAY_MS = 100;

/** What a node tells its consumer. */
export interface SubscribedNodeListener {
  received(messages: readonly NsqMessage[]): void;
  /** One message has been settled here. */
  settled(message: NsqMessage): void;
  setAside(message: NsqMessage): void;
  lost(messages: readonly NsqMessage[]): void;
  tooLate(command: LateCommand, id: string): void;
  /** The connection broke: what was settled at `sinceMs` or later may not have arrived. */
  cutOff(sinceMs: number): void;
  up(node: SubscribedNode): void;
  down(node: SubscribedNode, error: NsqError, againInMs: number): void;
}

/** One nsqd as one subscription sees it: its connection, what is in flight from it, and how many it may send. */
export class SubscribedNode implements NodeListener, MessageOwner {
  readonly #listener: SubscribedNodeListener;
  readonly #now: () => number;
  #connection: NsqdConnection | undefined;
  #inFlight = new Map<string, NsqMessage>();
  #aside = 0;
  #share = 0;
  #told = 0;

  constructor(
    readonly nsqd: string,
    readonly topic: string,
    readonly channel: string,
    now: () => number,
    listener: SubscribedNodeListener,
  ) {
    this.#now = now;
    this.#listener = listener;
  }

  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  get facts(): NsqdFacts | undefined {
    return this.#connection?.facts;
  }

  /** Messages that count against `maxInFlight`. */
  get active(): number {
    return this.#inFlight.size - this.#aside;
  }

  /** How many messages it may send. */
  get share(): number {
    return this.#share;
  }

  /** As many messages are in flight from it as it was allowed to send. */
  get isFull(): boolean {
    return this.#told > 0 && this.#inFlight.size >= this.#told;
  }

  get unsettled(): readonly NsqMessage[] {
    return [...this.#inFlight.values()];
  }

  /** How many messages this nsqd may have under way, those that are set aside not counted. */
  ready(share: number): void {
    this.#share = share;
    this.#tellReady();
  }

  /** No message comes after this; what was sent before has been read by nsqd. */
  async endIntake(): Promise<void> {
    await this.#connection?.request(CLS).catch(() => undefined);
  }

  async up(connection: NsqdConnection): Promise<void> {
    await connection.request(sub(this.topic, this.channel));
    connection.subscribed();
    this.#connection = connection;
    this.#told = 0;
    this.#listener.up(this);
  }

  messages(frames: readonly MessageFrame[], receivedAtMs: number): void {
    const messages = frames.map((frame) => this.#add(frame, receivedAtMs));
    const ours = messages.filter(({ state }) => state === 'in flight');
    this.#listener.received(ours);
  }

  #add(frame: MessageFrame, receivedAtMs: number): NsqMessage {
    const before = this.#inFlight.get(frame.id);
    // n.b. what comes again was taken back before.
    if (before !== undefined) this.#lose([before]);
    const message = new NsqMessage(this, frame, receivedAtMs);
    this.#inFlight.set(message.id, message);
    return message;
  }

  tooLate(command: LateCommand, id: string): void {
    const message = this.#inFlight.get(id);
    // n.b. a TOUCH that came too late says that the message is somebody else's by now.
    if (command === 'TOUCH' && message !== undefined) this.#lose([message]);
    this.#listener.tooLate(command, id);
  }

  lost(error: NsqError): void {
    const heardAtMs = this.#connection?.heardAtMs;
    this.#connection = undefined;
    const hasHungUp = error.reason === 'closed' && error.cause === undefined;
    const sinceMs = hasHungUp ? this.#now() - ON_THE_WAY_MS : 0;
    if (heardAtMs !== undefined) this.#listener.cutOff(Math.max(heardAtMs, sinceMs));
    this.#share = 0;
    this.#lose(this.unsettled);
  }

  down(error: NsqError, againInMs: number): void {
    this.#listener.down(this, error, againInMs);
  }

  finish(message: NsqMessage): void {
    this.#settle(message, fin(message.id));
  }

  requeue(message: NsqMessage, delayMs: number): void {
    this.#settle(message, req(message.id, delayMs));
  }

  /** n.b. what may be somebody else's by now is not known to be ours by asking: an answer comes only where it is not. */
  touch(message: NsqMessage): void {
    if (this.isKept(message)) message.keptSinceMs = this.#now();
    this.#connection?.send(touch(message.id));
  }

  isKept({ keptSinceMs }: NsqMessage): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    const now = this.#now();
    const keptMs = now - keptSinceMs;
    return keptMs < connection.facts.messageTimeoutMs * CERTAIN_PART && !connection.isDoubtful(now);
  }

  setAside(message: NsqMessage): void {
    this.#aside++;
    this.#tellReady();
    this.#listener.setAside(message);
  }

  #settle(message: NsqMessage, command: Buffer): void {
    this.#connection?.send(command);
    this.#remove(message);
    this.#listener.settled(message);
  }

  #lose(messages: readonly NsqMessage[]): void {
    if (messages.length === 0) return;
    for (const message of messages) {
      message.state = 'lost';
      this.#remove(message);
    }
    this.#listener.lost(messages);
  }

  #remove(message: NsqMessage): void {
    this.#inFlight.delete(message.id);
    if (!message.isAside) return;
    this.#aside--;
    this.#tellReady();
  }

  /** n.b. RDY is no credit that is used up: it is how many messages nsqd may have under way on this connection. */
  #tellReady(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const count = this.#share === 0 ? 0 : Math.min(connection.facts.maxRdyCount, this.#share + this.#aside);
    if (count === this.#told) return;
    this.#told = count;
    connection.send(rdy(count));
  }
}
