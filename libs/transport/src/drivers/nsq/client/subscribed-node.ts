import { CLS, fin, rdy, req, sub, touch } from './commands.js';
import type { LateCommand, NsqdConnection } from './connection.js';
import type { NsqError } from './failure.js';
import type { MessageFrame } from './frames.js';
import type { NsqdFacts } from './handshake.js';
import { NsqMessage, type MessageOwner } from './message.js';
import type { NodeListener } from './node.js';

/** Fraction of nsqd's message timeout for which a message is certainly ours: its arrival time is known to a fifth of the timeout. */
const CERTAIN_PART = 0.8;

/** Milliseconds: an nsqd that closes the connection has read what had arrived, so only the last settlements may be lost. */
const ON_THE_WAY_MS = 100;

/** Receives the events of a node. */
export interface SubscribedNodeListener {
  received(messages: readonly NsqMessage[]): void;
  /** One message was settled here. */
  settled(message: NsqMessage): void;
  setAside(message: NsqMessage): void;
  lost(messages: readonly NsqMessage[]): void;
  tooLate(command: LateCommand, id: string): void;
  /** The connection broke: settlements at `sinceMs` or later may not have arrived. */
  cutOff(sinceMs: number): void;
  up(node: SubscribedNode): void;
  down(node: SubscribedNode, error: NsqError, againInMs: number): void;
}

/** One nsqd of one subscription: its connection, its messages in flight, and how many it may send. */
export class SubscribedNode implements NodeListener, MessageOwner {
  readonly #listener: SubscribedNodeListener;
  readonly #now: () => number;
  #connection: NsqdConnection | undefined;
  #inFlight = new Map<string, NsqMessage>();
  #aside = 0;
  #share = 0;
  #readyCount = 0;

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

  /** Whether as many messages are in flight from it as it may send. */
  get isFull(): boolean {
    return this.#readyCount > 0 && this.#inFlight.size >= this.#readyCount;
  }

  get unsettled(): readonly NsqMessage[] {
    return [...this.#inFlight.values()];
  }

  /** Sets how many messages this nsqd may have in flight, not counting those that are set aside. */
  ready(share: number): void {
    this.#share = share;
    this.#sendReady();
  }

  /** Ends delivery; resolves when nsqd has read everything that was sent before. */
  async endIntake(): Promise<void> {
    // On a connection that is lost, nsqd has ended the delivery by itself.
    await this.#connection?.request(CLS).catch(() => undefined);
  }

  async up(connection: NsqdConnection): Promise<void> {
    await connection.request(sub(this.topic, this.channel));
    connection.subscribed();
    this.#connection = connection;
    this.#readyCount = 0;
    this.#listener.up(this);
  }

  messages(frames: readonly MessageFrame[], receivedAtMs: number): void {
    const messages = frames.map((frame) => this.#add(frame, receivedAtMs));
    const ours = messages.filter(({ state }) => state === 'in flight');
    this.#listener.received(ours);
  }

  #add(frame: MessageFrame, receivedAtMs: number): NsqMessage {
    const before = this.#inFlight.get(frame.id);
    // A message that is redelivered was taken back by nsqd before.
    if (before !== undefined) this.#lose([before]);
    const message = new NsqMessage(this, frame, receivedAtMs);
    this.#inFlight.set(message.id, message);
    return message;
  }

  tooLate(command: LateCommand, id: string): void {
    const message = this.#inFlight.get(id);
    // A TOUCH that came too late means that another consumer has the message.
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

  /** The TOUCH of a message that may be lost does not prove that it is ours, because nsqd replies only if it is not. */
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
    this.#sendReady();
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
    this.#sendReady();
  }

  /** RDY is not consumed by deliveries: it is how many messages nsqd may have in flight on this connection. */
  #sendReady(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const count = this.#share === 0 ? 0 : Math.min(connection.facts.maxRdyCount, this.#share + this.#aside);
    if (count === this.#readyCount) return;
    this.#readyCount = count;
    connection.send(rdy(count));
  }
}
