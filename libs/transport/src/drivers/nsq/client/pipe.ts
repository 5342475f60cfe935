import type { Socket } from 'node:net';
import { plainBytes, type ByteCodec, type Ends } from './compression.js';
import { NsqError, socketFailure } from './failure.js';
import { FrameParser, type Frame } from './frames.js';

export interface PipeListener {
  frame(frame: Frame): void;
  /** All received frames were passed on. */
  idle(): void;
  /** Called once, at the end. `error` is the failure of the socket, if there was one. */
  ended(error: NsqError): void;
}

/** A socket that sends bytes and receives frames, with any encoding. */
export class FramePipe {
  readonly #nsqd: string;
  readonly #listener: PipeListener;
  readonly #parser: FrameParser;
  #socket: Socket;
  #codec: ByteCodec;
  #holding = false;
  #held: Buffer[] = [];
  #corked = false;
  #failure: NsqError | undefined;
  #ended = false;

  constructor(socket: Socket, nsqd: string, maxFrameBytes: number, listener: PipeListener) {
    this.#nsqd = nsqd;
    this.#listener = listener;
    this.#parser = new FrameParser(maxFrameBytes);
    this.#socket = socket;
    this.#codec = plainBytes(this.#ends);
    this.#listen();
  }

  /** Writes one or several commands. What is written in one turn of the event loop is sent together. */
  write(bytes: Buffer): void {
    if (this.#ended) return;
    if (!this.#corked) this.#cork();
    this.#codec.encode(bytes);
  }

  /**
   * Called by the listener inside `frame`: what follows this frame is kept until `change`, because its encoding may differ. nsqd
   * may send the first compressed bytes together with the reply that announces them.
   */
  hold(): void {
    this.#holding = true;
  }

  /** Continues with another socket or another codec. */
  async change(way: {
    readonly socket?: (plain: Socket) => Promise<Socket>;
    readonly codec?: (ends: Ends) => ByteCodec;
  }): Promise<void> {
    if (way.socket !== undefined) await this.#changeSocket(way.socket);
    if (way.codec !== undefined) this.#codec = way.codec(this.#ends);
    this.#holding = false;
    const kept = [this.#parser.takeRest(), ...this.#held.splice(0)];
    for (const bytes of kept) if (bytes.length > 0) this.#codec.decode(bytes);
    this.#takeFrames();
  }

  /** Sends what was written, then closes; the other side reads everything before. */
  end(): void {
    this.#codec.whenWritten(() => this.#socket.end());
  }

  destroy(error?: NsqError): void {
    this.#failure ??= error;
    this.#socket.destroy();
    if (error !== undefined) this.#end();
  }

  readonly #ends: Ends = {
    toSocket: (bytes) => void this.#socket.write(bytes),
    toParser: (bytes) => this.#receive(bytes),
    failed: (error) => this.destroy(error),
  };

  #cork(): void {
    const socket = this.#socket;
    this.#corked = true;
    socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      socket.uncork();
    });
  }

  async #changeSocket(socketOver: (plain: Socket) => Promise<Socket>): Promise<void> {
    const plain = this.#socket;
    plain.off('data', this.#onData).off('close', this.#onClose);
    this.#socket = await socketOver(plain).catch((error: NsqError) => {
      this.destroy(error);
      throw error;
    });
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#holding) this.#held.push(bytes);
    else this.#codec.decode(bytes);
  };
  readonly #onError = (cause: unknown): void => void (this.#failure ??= socketFailure(cause, this.#nsqd));
  readonly #onClose = (): void => this.#end();

  #receive(plain: Buffer): void {
    this.#parser.add(plain);
    this.#takeFrames();
  }

  #takeFrames(): void {
    try {
      while (!this.#holding && !this.#ended) {
        const frame = this.#parser.next();
        if (frame === undefined) break;
        this.#listener.frame(frame);
      }
    } catch (error) {
      if (!(error instanceof NsqError)) throw error;
      this.destroy(error);
    }
    this.#listener.idle();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#codec.close();
    const error =
      this.#failure ?? new NsqError('closed', `nsqd ${this.#nsqd} closed the connection.`, { nsqd: this.#nsqd });
    this.#listener.ended(error);
  }
}
