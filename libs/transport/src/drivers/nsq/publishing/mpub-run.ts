import { TransportError, type OutgoingMessage, type SendResult, type SendWindow } from '../../../contract/index.js';
import { afterThisTurn } from '../../../shared/index.js';

/** A message, and the bytes that nsqd stores. */
export interface Entry {
  readonly message: OutgoingMessage;
  readonly index: number;
  readonly stored: Buffer;
}

export interface MpubPort {
  /** Returns the bytes to store, or the reason why it cannot be stored. */
  prepare(message: OutgoingMessage): Buffer | TransportError;
  /** Sends one MPUB. Resolves with its error, which applies to each of its messages; undefined if all are stored. */
  request(entries: readonly Entry[]): Promise<TransportError | undefined>;
  readonly maxRequestBytes: number;
}

/** The size in front of each message of an MPUB. */
const SIZE_BYTES = 4;
/** The number of messages, in front of all of them. */
const COUNT_BYTES = 4;
/** Requests at the same time: while nsqd stores one, the next is built. */
const REQUESTS = 2;
/** Up to this many messages are sent in one request, because two would cost more than they gain. */
const FEW = 64;
/** Most messages to fetch from the window at a time. */
const MOST = 2_000;

/** One call of `send`: MPUBs of its messages and of those published meanwhile. NSQ keeps no order, so the requests may overlap. */
export class MpubRun {
  readonly #window: SendWindow | undefined;
  readonly #port: MpubPort;
  readonly #results: SendResult[] = [];
  #waiting: Entry[] = [];
  #size = 0;
  #underWay = 0;
  #isWell = true;
  #isFillScheduled = false;
  #end: (results: readonly SendResult[]) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;

  constructor(messages: readonly OutgoingMessage[], window: SendWindow | undefined, port: MpubPort) {
    this.#window = window;
    this.#port = port;
    this.#add(messages);
  }

  /** Resolves with the result of each message. Rejects with unexpected errors of the port. */
  run(): Promise<readonly SendResult[]> {
    return new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
      this.#fill();
    });
  }

  #add(messages: readonly OutgoingMessage[]): void {
    for (const message of messages) {
      const index = this.#size++;
      const stored = this.#port.prepare(message);
      if (stored instanceof TransportError) this.#results[index] = stored;
      else this.#waiting.push({ message, index, stored });
    }
  }

  #fill(): void {
    while (this.#underWay < REQUESTS) {
      if (this.#waiting.length === 0 && this.#isWell) this.#add(this.#window?.next(MOST) ?? []);
      if (this.#waiting.length === 0) break;
      this.#request(this.#take()).catch(this.#fail);
    }
    if (this.#underWay === 0) this.#end(this.#results);
  }

  /**
   * Takes as many messages of the next topic as nsqd accepts (an MPUB has one topic); only half of them if many wait, so two
   * requests share the work.
   */
  #take(): readonly Entry[] {
    const { length } = this.#waiting;
    const most = length > FEW ? Math.ceil(length / REQUESTS) : length;
    let bytes = COUNT_BYTES;
    let count = 0;
    const { topic } = (this.#waiting[0] as Entry).message;
    for (; count < most && (this.#waiting[count] as Entry).message.topic === topic; count++) {
      bytes += SIZE_BYTES + (this.#waiting[count] as Entry).stored.length;
      if (count > 0 && bytes > this.#port.maxRequestBytes) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #request(entries: readonly Entry[]): Promise<void> {
    this.#underWay++;
    const error = await this.#port.request(entries);
    this.#underWay--;
    if (error !== undefined) this.#isWell = false;
    for (const entry of entries) this.#report(entry, error);
    this.#fillLater();
  }

  #fillLater(): void {
    if (this.#isFillScheduled) return;
    this.#isFillScheduled = true;
    afterThisTurn(() => {
      this.#isFillScheduled = false;
      this.#fill();
    });
  }

  #report({ index, message: { id, topic } }: Entry, error: TransportError | undefined): void {
    if (error !== undefined) return void (this.#results[index] = error);
    const receipt = { id, topic, partition: undefined, offset: undefined };
    this.#results[index] = receipt;
    this.#window?.stored(index, receipt);
  }
}
