import { TransportError, type OutgoingMessage, type SendResult, type SendWindow } from '../../../contract/index.js';
import { afterThisTurn } from '../../../shared/index.js';

/** A message, and the bytes that nsqd stores. */
export interface Entry {
  readonly message: OutgoingMessage;
  readonly index: number;
  readonly stored: Buffer;
}

export interface MpubPort {
  /** The bytes to store, or why there are none. */
  prepare(message: OutgoingMessage): Buffer | TransportError;
  /** One MPUB. Resolves with its error, which is that of each of its messages; undefined when all are stored. */
  request(entries: readonly Entry[]): Promise<TransportError | undefined>;
  readonly maxRequestBytes: number;
}

/** A message of MPUB has its size in front. */
const SIZE_BYTES = 4;
/** The number of messages, in front of all. */
const COUNT_BYTES = 4;
/** Under way at once: while nsqd stores one, the next is made. */
const REQUESTS = 2;
/** Fewer messages go together: two requests would cost more than they gain. */
const FEW = 64;
/** Most messages that are taken at a time. */
const MOST = 2_000;

/** One call of `send`: MPUBs of what was given and of what was published meanwhile. nsqd keeps no order, so they may overlap. */
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

  /** Resolves with the result of each message. Rejects with what the port throws, which is a fault of ours. */
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

  /** As many of the next topic as nsqd takes (an MPUB has one topic); half of them where many wait, so that two requests share the work. */
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
