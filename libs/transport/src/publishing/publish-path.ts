import {
  type Clock,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type TransportError,
} from '../contract/index.js';
import { Coalescer } from './coalescer.js';
import { type Room } from './room.js';
import { WaitingRoom } from './waiting-room.js';

export interface PublishPathSettings {
  readonly driver: string;
  readonly publishTimeoutMs: number;
  readonly clock: Clock;
  readonly room: Room;
  /** Called once per request that failed, with the first error and how many messages it hit. */
  readonly onFailure: (topic: string, messages: number, error: TransportError) => void;
  /** Called when room became free for any topic. */
  readonly onRoom: () => void;
}

/** Ends the wait for a message that an asynchronous schema or codec is at work on. */
type GiveUp = (error: TransportError) => void;

/** The way of one topic's publishes: in the order of the calls, and independent of the other topics. */
export class PublishPath {
  readonly #settings: PublishPathSettings;
  readonly #coalescer: Coalescer;
  readonly #waitingRoom: WaitingRoom;
  readonly #madeListeners: (() => void)[] = [];
  #giveUpMaking: GiveUp | undefined;
  #abandoned: TransportError | undefined;

  constructor(producer: Producer, settings: PublishPathSettings) {
    this.#settings = settings;
    this.#coalescer = new Coalescer(producer, settings);
    this.#waitingRoom = new WaitingRoom({
      clock: settings.clock,
      timeoutMs: settings.publishTimeoutMs,
      hasRoom: () => this.#hasRoom(),
      isOver: () => this.#abandoned !== undefined,
    });
  }

  /** A publish need not wait for another one of this topic, nor for room. */
  get isOpen(): boolean {
    return !this.#waitingRoom.isOccupied && this.#hasRoom();
  }

  get isIdle(): boolean {
    return this.#coalescer.outstanding === 0 && this.#giveUpMaking === undefined && !this.#waitingRoom.isOccupied;
  }

  send(message: OutgoingMessage, bytes: number, since: number): Promise<PublishReceipt> {
    return this.#coalescer.publish(message, bytes, since);
  }

  /** Runs `action` when it is its turn, at the latest `publishTimeoutMs` after `since`. */
  wait(action: () => void, since: number): void {
    this.#waitingRoom.enter(action, since);
  }

  /**
   * Waits for a message that is still being made, and holds up what comes behind it meanwhile: order is kept.
   * @param tooLate the error when it takes longer than `publishTimeoutMs` after `since`
   */
  async made(coming: Promise<OutgoingMessage>, since: number, tooLate: () => TransportError): Promise<OutgoingMessage> {
    const { clock, publishTimeoutMs } = this.#settings;
    const leftMs = Math.max(1, since + publishTimeoutMs - clock.monotonicMs());
    const callOff = clock.schedule(leftMs, () => this.#giveUpMaking?.(tooLate()));
    const givenUp = new Promise<never>((_, reject) => (this.#giveUpMaking = reject));
    try {
      return await Promise.race([coming, givenUp]);
    } finally {
      callOff();
    }
  }

  /** The message that was being made is with the coalescer, or has failed. */
  makingEnded(): void {
    this.#giveUpMaking = undefined;
    this.letIn();
    this.#madeListeners.splice(0).forEach((listener) => listener());
  }

  letIn(): void {
    this.#waitingRoom.letIn();
  }

  /** Resolves when everything published so far is answered. */
  async flush(): Promise<void> {
    while (this.#giveUpMaking !== undefined || this.#waitingRoom.isOccupied) {
      await this.#waitingRoom.emptied();
      if (this.#giveUpMaking !== undefined) await new Promise<void>((resolve) => this.#madeListeners.push(resolve));
    }
    await this.#coalescer.flush();
  }

  /** Rejects what has not been sent; a send that is under way ends by itself. */
  abandon(error: TransportError): void {
    this.#abandoned = error;
    this.#coalescer.abandon();
    this.#giveUpMaking?.(error);
    this.letIn();
  }

  #hasRoom(): boolean {
    return this.#giveUpMaking === undefined && this.#settings.room.hasRoomFor(this.#coalescer);
  }
}
