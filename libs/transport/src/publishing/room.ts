/** What a topic holds: messages accepted and not yet answered. */
export interface Held {
  readonly outstanding: number;
  readonly outstandingBytes: number;
}

/** The share of the limits that is reserved for each topic: one sixteenth. */
const SHARE = 16;

/**
 * Limits what a publisher holds for all topics together. Each topic has a small reserved share, so that a topic that
 * cannot be stored does not stop publishes to the others.
 */
export class Room {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages;
  }

  take(bytes: number): void {
    this.#messages++;
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
  }

  hasRoomFor({ outstanding, outstandingBytes }: Held): boolean {
    if (this.#messages < this.#maxMessages && this.#bytes < this.#maxBytes) return true;
    return outstanding < this.#maxMessages / SHARE && outstandingBytes < this.#maxBytes / SHARE;
  }
}
