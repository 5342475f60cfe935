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
  /** Called once per failed request, with the first error and the number of messages that failed. */
  readonly onFailure: (topic: string, messages: number, error: TransportError) => void;
  /** Called when room becomes free for any topic. */
  readonly onRoom: () => void;
}

/** Ends the wait for a message whose asynchronous schema or codec is still running. */
type GiveUp = (error: TransportError) => void;

/** Publishes the messages of one topic in the order of the calls, independently of other topics. */
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

  /** Whether a publish can start without waiting for room or for another publish to this topic. */
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
   * Waits for a message that is still being encoded, and holds back later ones, which keeps their order.
   * @param tooLate the error if it takes longer than `publishTimeoutMs` after `since`
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

  /** Called when the message has reached the coalescer, or its encoding failed. */
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

  /** Rejects what has not been sent; a send under way ends by itself. */
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
