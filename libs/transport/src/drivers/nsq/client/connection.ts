import { NOP, touch } from './commands.js';
import { dial } from './dial.js';
import { NsqError, refusal } from './failure.js';
import type { Frame, MessageFrame } from './frames.js';
import { shakeHands, type NsqdFacts } from './handshake.js';
import { FramePipe } from './pipe.js';
import { Replies } from './replies.js';
import type { Address, NsqSettings } from './settings.js';

/** The command of a settlement that came too late: another consumer has the message. */
export type LateCommand = 'FIN' | 'REQ' | 'TOUCH';

export interface ConnectionListener {
  /** @param receivedAtMs on the monotonic clock; not later than they arrived */
  messages(frames: readonly MessageFrame[], receivedAtMs: number): void;
  tooLate(command: LateCommand, id: string): void;
  /** Called once, unless this side closed the connection. */
  lost(error: NsqError): void;
}

/** Errors that are not replies and leave the connection open: FIN, REQ and TOUCH have no reply on success. */
const TOO_LATE = /^E_(FIN|REQ|TOUCH)_FAILED \w+ (\S+)/;
const HEARTBEAT = '_heartbeat_';
/** Heartbeat intervals of silence after which nsqd counts as dead. */
const HEARTBEATS_MISSED = 2.5;
/** Heartbeat intervals without data after which nsqd closes a connection. */
const HEARTBEATS_ALLOWED = 2;
/** Checks per heartbeat interval. */
const LOOKS = 4;
/** Checks per message timeout, after which nsqd redelivers a message to another consumer. */
const LOOKS_PER_MESSAGE_TIMEOUT = 10;
/** Check intervals without a check after which the process was suspended. */
const LOOKS_MISSED = 2;
/** No message has this id. nsqd replies to a TOUCH of it with an error that closes nothing, so the reply marks what nsqd sent before it. */
const FENCE = '0'.repeat(16);
/** Milliseconds before a second check, because a busy process may not have read the sign of life yet. */
const SECOND_LOOK_MS = 250;
/** Milliseconds after which a request is overdue: nsqd usually replies to a publish within milliseconds. */
const STALLED_MS = 250;
/** Milliseconds for the other side to close too. */
const CLOSE_PATIENCE_MS = 1_000;

/** One connection to one nsqd, from the handshake to its end. It does not reconnect. */
export class NsqdConnection {
  readonly address: Address;
  readonly #settings: NsqSettings;
  readonly #listener: ConnectionListener;
  readonly #replies = new Replies();
  #pipe: FramePipe | undefined;
  #facts: NsqdFacts | undefined;
  #messages: MessageFrame[] = [];
  #handshaking = true;
  #heardAtMs: number;
  #suspected = false;
  #isSubscribed = false;
  /** When this process last checked or read. */
  #awakeAtMs: number;
  /** Set while received data may be old: the process was suspended since then. */
  #staleSinceMs: number | undefined;
  #callOffLook: () => void = () => undefined;
  #closing: Promise<void> | undefined;
  #ended: NsqError | undefined;
  #tellEnded: () => void = () => undefined;

  private constructor(address: Address, settings: NsqSettings, listener: ConnectionListener) {
    this.address = address;
    this.#settings = settings;
    this.#listener = listener;
    this.#heardAtMs = settings.clock.monotonicMs();
    this.#awakeAtMs = this.#heardAtMs;
  }

  /**
   * Opens a connection and does the handshake.
   * @throws NsqError if that fails, or takes longer than `connectionTimeoutMs`
   */
  static async open(
    address: Address,
    settings: NsqSettings,
    listener: ConnectionListener,
    abort: AbortSignal,
  ): Promise<NsqdConnection> {
    const connection = new NsqdConnection(address, settings, listener);
    const { connectionTimeoutMs, clock } = settings;
    const patience = new AbortController();
    const tooLong = `nsqd ${address.text} did not finish the handshake within ${connectionTimeoutMs} ms (connectionTimeoutMs).`;
    const callOff = clock.schedule(connectionTimeoutMs, () => patience.abort(new NsqError('timeout', tooLong)));
    const calledOff = (): void => patience.abort(new NsqError('closed', 'connecting was cancelled.'));
    abort.addEventListener('abort', calledOff, { once: true });
    if (abort.aborted) calledOff();
    try {
      await connection.#start(patience.signal);
      return connection;
    } finally {
      callOff();
      abort.removeEventListener('abort', calledOff);
    }
  }

  get facts(): NsqdFacts {
    if (this.#facts === undefined) throw new Error('The handshake is not complete.');
    return this.#facts;
  }

  /** When nsqd last sent anything, on the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Requests that nsqd has not replied to. */
  get unanswered(): number {
    return this.#replies.size;
  }

  /** Whether a reply is overdue: a producer with several nsqd should choose another one, long before this one counts as lost. */
  get isStalled(): boolean {
    const { oldestMs } = this.#replies;
    return oldestMs !== undefined && this.#settings.clock.monotonicMs() - oldestMs > STALLED_MS;
  }

  /** Sends a command that has a reply. @throws NsqError whose `stored` says what may have happened */
  readonly request = (command: Buffer): Promise<string> => {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const reply = this.#replies.expect(this.#settings.clock.monotonicMs());
    this.#pipe?.write(command);
    return reply;
  };

  /** Sends a command that has no reply; does nothing on a closed connection. */
  send(command: Buffer): void {
    this.#pipe?.write(command);
  }

  /** Marks the connection as subscribed to a channel. */
  subscribed(): void {
    this.#isSubscribed = true;
  }

  /** Whether nsqd may have closed this connection, because this process was suspended or nothing arrives. */
  isDoubtful(nowMs: number): boolean {
    const { heartbeatIntervalMs } = this.#settings;
    const stoodStillMs = nowMs - (this.#staleSinceMs ?? this.#awakeAtMs);
    return stoodStillMs > heartbeatIntervalMs || nowMs - this.#heardAtMs > heartbeatIntervalMs * HEARTBEATS_ALLOWED;
  }

  /** Lets nsqd read everything that was sent, then closes. Further calls do nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const socket = await dial(this.address, signal);
    const pipe = new FramePipe(socket, this.address.text, this.#settings.maxFrameBytes, {
      frame: (frame) => this.#take(frame),
      idle: () => this.#deliver(),
      ended: (error) => this.#end(error),
    });
    this.#pipe = pipe;
    const giveUp = (): void => pipe.destroy(signal.reason as NsqError);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const { address, request } = this;
      const answer = (): Promise<string> => this.#replies.expect(this.#settings.clock.monotonicMs());
      this.#facts = await shakeHands({ address, pipe, answer, request }, this.#settings, signal);
      this.#handshaking = false;
      await pipe.change({});
    } catch (error) {
      pipe.destroy(error as NsqError);
      throw this.#ended ?? error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    this.#lookLater(this.#lookEveryMs);
  }

  #take(frame: Frame): void {
    this.#heardAtMs = this.#wake();
    if (frame.kind === 'message') return void this.#messages.push(frame.message);
    if (frame.kind === 'error') return this.#takeError(frame.text);
    if (frame.text === HEARTBEAT) return this.send(NOP);
    // The handshake continues after it has read this reply.
    if (this.#handshaking) this.#pipe?.hold();
    this.#replies.answer(frame.text);
  }

  #takeError(text: string): void {
    const late = TOO_LATE.exec(text);
    if (late?.[2] === FENCE) return this.#passFence();
    if (late !== null) return this.#listener.tooLate(late[1] as LateCommand, late[2] as string);
    const nsqd = this.address.text;
    const error = refusal(text, nsqd);
    const ended = new NsqError('closed', `nsqd ${nsqd} closed the connection because of another command: ${text}`, {
      nsqd,
    });
    this.#replies.refuseFirst(error, ended);
    this.#pipe?.destroy(error);
  }

  #deliver(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#listener.messages(messages, this.#staleSinceMs ?? this.#settings.clock.monotonicMs());
  }

  /** Records that the process runs, and whether it was suspended before. @returns now */
  #wake(): number {
    const now = this.#settings.clock.monotonicMs();
    if (this.#isSubscribed && now - this.#awakeAtMs > this.#lookEveryMs * LOOKS_MISSED) {
      this.#staleSinceMs ??= this.#awakeAtMs;
      this.send(touch(FENCE));
    }
    this.#awakeAtMs = now;
    return now;
  }

  /** What arrives from here on was sent after the process continued. */
  #passFence(): void {
    this.#deliver();
    this.#staleSinceMs = undefined;
  }

  #end(error: NsqError): void {
    this.#ended = error;
    this.#callOffLook();
    this.#deliver();
    this.#replies.loseAll(error);
    this.#tellEnded();
    if (!this.#handshaking && this.#closing === undefined) this.#listener.lost(error);
  }

  async #close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const ended = new Promise<void>((resolve) => (this.#tellEnded = resolve));
    const callOff = this.#settings.clock.schedule(CLOSE_PATIENCE_MS, () => this.#pipe?.destroy());
    this.#pipe?.end();
    await ended;
    callOff();
  }

  get #lookEveryMs(): number {
    const { heartbeatIntervalMs, requestTimeoutMs } = this.#settings;
    const messageTimeoutMs = this.#isSubscribed ? this.facts.messageTimeoutMs : Number.POSITIVE_INFINITY;
    return Math.min(
      Math.min(heartbeatIntervalMs, requestTimeoutMs) / LOOKS,
      messageTimeoutMs / LOOKS_PER_MESSAGE_TIMEOUT,
    );
  }

  #lookLater(delayMs: number): void {
    this.#callOffLook = this.#settings.clock.schedule(delayMs, () => this.#look());
  }

  #look(): void {
    this.#wake();
    const problem = this.#problem();
    if (problem === undefined) {
      this.#suspected = false;
      return this.#lookLater(this.#lookEveryMs);
    }
    if (this.#suspected) return this.#pipe?.destroy(problem);
    this.#suspected = true;
    this.#lookLater(SECOND_LOOK_MS);
  }

  #problem(): NsqError | undefined {
    const { clock, heartbeatIntervalMs, requestTimeoutMs } = this.#settings;
    const nsqd = this.address.text;
    const now = clock.monotonicMs();
    const silentMs = now - this.#heardAtMs;
    if (silentMs > heartbeatIntervalMs * HEARTBEATS_MISSED) {
      return new NsqError('timeout', `nsqd ${nsqd} was silent for ${Math.round(silentMs)} ms.`, { nsqd });
    }
    const { oldestMs } = this.#replies;
    if (oldestMs === undefined || now - oldestMs <= requestTimeoutMs) return undefined;
    const message = `nsqd ${nsqd} did not answer within ${requestTimeoutMs} ms (requestTimeoutMs).`;
    return new NsqError('timeout', message, { nsqd });
  }
}
