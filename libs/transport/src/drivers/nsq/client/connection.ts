import { NOP, touch } from './commands.js';
import { dial } from './dial.js';
import { NsqError, refusal } from './failure.js';
import type { Frame, MessageFrame } from './frames.js';
import { shakeHands, type NsqdFacts } from './handshake.js';
import { FramePipe } from './pipe.js';
import { Replies } from './replies.js';
import type { Address, NsqSettings } from './settings.js';

/** A settlement that came too late: the message is with somebody else. */
export type LateCommand = 'FIN' | 'REQ' | 'TOUCH';

export interface ConnectionListener {
  /** @param receivedAtMs not after they came, on the monotonic clock */
  messages(frames: readonly MessageFrame[], receivedAtMs: number): void;
  tooLate(command: LateCommand, id: string): void;
  /** Once, unless we closed it ourselves. */
  lost(error: NsqError): void;
}

/** Errors that are no answer and leave the connection open: FIN, REQ and TOUCH have no answer when they succeed. */
const TOO_LATE = /^E_(FIN|REQ|TOUCH)_FAILED \w+ (\S+)/;
const HEARTBEAT = '_heartbeat_';
/** So many heartbeats may be missing before nsqd counts as dead. */
const HEARTBEATS_MISSED = 2.5;
/** nsqd closes a connection from which it has read nothing for this many. */
const HEARTBEATS_ALLOWED = 2;
/** Looks per heartbeat interval. */
const LOOKS = 4;
/** Looks in the time after which nsqd gives a message to somebody else. */
const LOOKS_PER_MESSAGE_TIMEOUT = 10;
/** Without a look for this many intervals the process has stood still. */
const LOOKS_MISSED = 2;
/** No message has this id. nsqd answers a TOUCH of it with an error that closes nothing: so it was sent behind all that came before. */
const FENCE = '0'.repeat(16);
/** A second look, before a connection is given up: when this process was busy, the sign of life may lie unread. */
const SECOND_LOOK_MS = 250;
/** A request that waits so long is unusual: nsqd answers a publish within milliseconds. */
const STALLED_MS = 250;
/** For the other side to hang up too. */
const CLOSE_PATIENCE_MS = 1_000;

/** One connection to one nsqd, from the handshake to the end. It does not come back by itself. */
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
  /** When this process last looked or read. */
  #awakeAtMs: number;
  /** It stood still since then, and what it reads may have been sent at any time after. */
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
   * Dials and shakes hands.
   * @throws NsqError when that fails, or is not done within `connectionTimeoutMs`
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
    const calledOff = (): void => patience.abort(new NsqError('closed', 'the connection was called off.'));
    abort.addEventListener('abort', calledOff, { once: true });
    if (abort.aborted) calledOff();
    try {
      await connection.#begin(patience.signal);
      return connection;
    } finally {
      callOff();
      abort.removeEventListener('abort', calledOff);
    }
  }

  get facts(): NsqdFacts {
    if (this.#facts === undefined) throw new Error('The handshake is not over.');
    return this.#facts;
  }

  /** When nsqd last sent anything, on the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Requests that nsqd has not answered yet. */
  get unanswered(): number {
    return this.#replies.size;
  }

  /** An answer is overdue: whoever can choose another nsqd should, long before this one counts as lost. */
  get isStalled(): boolean {
    const { oldestMs } = this.#replies;
    return oldestMs !== undefined && this.#settings.clock.monotonicMs() - oldestMs > STALLED_MS;
  }

  /** Sends a command that is answered. @throws NsqError whose `stored` says what may have happened */
  readonly request = (command: Buffer): Promise<string> => {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const reply = this.#replies.expect(this.#settings.clock.monotonicMs());
    this.#pipe?.write(command);
    return reply;
  };

  /** Sends a command that has no answer; on a connection that is gone it does nothing. */
  send(command: Buffer): void {
    this.#pipe?.write(command);
  }

  /** A channel is read from now on. */
  subscribed(): void {
    this.#isSubscribed = true;
  }

  /** nsqd may have closed this connection, because this process stood still or nothing comes any more. */
  isDoubtful(nowMs: number): boolean {
    const { heartbeatIntervalMs } = this.#settings;
    const stoodStillMs = nowMs - (this.#staleSinceMs ?? this.#awakeAtMs);
    return stoodStillMs > heartbeatIntervalMs || nowMs - this.#heardAtMs > heartbeatIntervalMs * HEARTBEATS_ALLOWED;
  }

  /** Lets nsqd read everything that was sent, then hangs up. Twice is the same as once. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const socket = await dial(this.address, signal);
    const pipe = new FramePipe(socket, this.address.text, this.#settings.maxFrameBytes, {
      frame: (frame) => this.#take(frame),
      idle: () => this.#handOver(),
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
    // The handshake goes on after it has read this answer.
    if (this.#handshaking) this.#pipe?.hold();
    this.#replies.answer(frame.text);
  }

  #takeError(text: string): void {
    const late = TOO_LATE.exec(text);
    if (late?.[2] === FENCE) return this.#passFence();
    if (late !== null) return this.#listener.tooLate(late[1] as LateCommand, late[2] as string);
    const nsqd = this.address.text;
    const error = refusal(text, nsqd);
    const ended = new NsqError('closed', `nsqd ${nsqd} closed the connection over another command: ${text}`, { nsqd });
    this.#replies.refuseFirst(error, ended);
    this.#pipe?.destroy(error);
  }

  #handOver(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#listener.messages(messages, this.#staleSinceMs ?? this.#settings.clock.monotonicMs());
  }

  /** Notes that the process runs, and whether it has stood still before. @returns now */
  #wake(): number {
    const now = this.#settings.clock.monotonicMs();
    if (this.#isSubscribed && now - this.#awakeAtMs > this.#lookEveryMs * LOOKS_MISSED) {
      this.#staleSinceMs ??= this.#awakeAtMs;
      this.send(touch(FENCE));
    }
    this.#awakeAtMs = now;
    return now;
  }

  /** What comes from here on was sent after the process went on. */
  #passFence(): void {
    this.#handOver();
    this.#staleSinceMs = undefined;
  }

  #end(error: NsqError): void {
    this.#ended = error;
    this.#callOffLook();
    this.#handOver();
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
