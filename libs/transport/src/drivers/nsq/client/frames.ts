import { NsqError } from './failure.js';

/** A frame from nsqd, of one of three kinds. */
export type Frame =
  | { readonly kind: 'response'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'message'; readonly message: MessageFrame };

/** A message frame as it is on the wire. */
export interface MessageFrame {
  /** 16 hexadecimal digits, unique per nsqd. */
  readonly id: string;
  /** Number of deliveries, including this one; nsqd stops counting at 65,535. */
  readonly attempts: number;
  /** When nsqd received it, in nanoseconds since the epoch. */
  readonly timestampNs: bigint;
  readonly body: Buffer;
}

const SIZE_BYTES = 4;
const TYPE_BYTES = 4;
const MESSAGE_HEAD_BYTES = 8 + 2 + 16;

/**
 * Parses a stream of bytes into frames, wherever the chunks end.
 *
 * ```
 * [size: 4][type: 4][data: size - 4]     type 0 response, 1 error, 2 message
 *                    message: [timestamp: 8][attempts: 2][id: 16][body]
 * ```
 * Bodies are views of the chunk that contains them. The chunks of a frame are joined once, when it is complete.
 */
export class FrameParser {
  readonly #maxFrameBytes: number;
  #chunks: Buffer[] = [];
  /** Parsed bytes of the first chunk. */
  #start = 0;
  /** Bytes that are not parsed yet. */
  #left = 0;
  /** Bytes that the next frame needs, as far as that is known. */
  #wanted = SIZE_BYTES;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#left += chunk.length;
  }

  /**
   * Returns the next frame; undefined while it is incomplete.
   * @throws NsqError `protocol` if a frame is too large or has an unknown type: the stream is unusable then
   */
  next(): Frame | undefined {
    if (this.#left < this.#wanted) return undefined;
    const bytes = this.#together();
    const size = bytes.readUInt32BE(this.#start);
    if (size < TYPE_BYTES || size > this.#maxFrameBytes) throw this.#impossible(size);
    this.#wanted = SIZE_BYTES + size;
    if (this.#left < this.#wanted) return undefined;
    const frame = bytes.subarray(this.#start + SIZE_BYTES, this.#start + this.#wanted);
    this.#skip(this.#wanted);
    return frameOf(frame);
  }

  /** Removes and returns the bytes that are not parsed yet, because what follows has another encoding. */
  takeRest(): Buffer {
    const rest = this.#left === 0 ? Buffer.alloc(0) : this.#together().subarray(this.#start);
    this.#skip(this.#left);
    return rest;
  }

  #together(): Buffer {
    if (this.#chunks.length > 1) {
      const [first, ...others] = this.#chunks as [Buffer, ...Buffer[]];
      this.#chunks = [Buffer.concat([first.subarray(this.#start), ...others], this.#left)];
      this.#start = 0;
    }
    return this.#chunks[0] as Buffer;
  }

  #skip(bytes: number): void {
    this.#start += bytes;
    this.#left -= bytes;
    this.#wanted = SIZE_BYTES;
    if (this.#left > 0) return;
    this.#chunks = [];
    this.#start = 0;
  }

  #impossible(size: number): NsqError {
    return new NsqError(
      'protocol',
      `a frame of ${size} bytes was announced, but only ${TYPE_BYTES} to ${this.#maxFrameBytes} are allowed (maxFrameBytes); is this an nsqd?`,
    );
  }
}

function frameOf(frame: Buffer): Frame {
  const type = frame.readUInt32BE(0);
  if (type === 2) return { kind: 'message', message: messageOf(frame) };
  if (type > 2) throw new NsqError('protocol', `received a frame of type ${type}, and NSQ has only 0, 1 and 2.`);
  return { kind: type === 0 ? 'response' : 'error', text: frame.toString('utf8', TYPE_BYTES) };
}

function messageOf(frame: Buffer): MessageFrame {
  if (frame.length < TYPE_BYTES + MESSAGE_HEAD_BYTES) {
    throw new NsqError(
      'protocol',
      `a message of ${frame.length - TYPE_BYTES} bytes was received; its header alone has 26.`,
    );
  }
  return {
    id: frame.toString('latin1', 14, 30),
    attempts: frame.readUInt16BE(12),
    timestampNs: frame.readBigInt64BE(4),
    body: frame.subarray(30),
  };
}
