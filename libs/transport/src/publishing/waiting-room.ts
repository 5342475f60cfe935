import { AsyncResource } from 'node:async_hooks';
import { type Clock } from '../contract/index.js';
import { Fifo } from '../shared/index.js';

interface Waiting {
  readonly action: () => void;
  /** On the monotonic clock. */
  readonly since: number;
}

export interface WaitingRoomSettings {
  readonly clock: Clock;
  /** A publish that has waited this long is let in without room, to report its timeout. */
  readonly timeoutMs: number;
  readonly hasRoom: () => boolean;
  /** Everything is let in to report that the publisher has ended. */
  readonly isOver: () => boolean;
}

/** Queues publishes to one topic while too much is outstanding; first come, first served. */
export class WaitingRoom {
  readonly #settings: WaitingRoomSettings;
  readonly #waiting = new Fifo<Waiting>();
  #emptied: (() => void)[] = [];
  #lettingIn = false;
  #callOffDeadline: (() => void) | undefined;

  constructor(settings: WaitingRoomSettings) {
    this.#settings = settings;
  }

  /** Whether a new publish must queue even if there is room, because others came before. */
  get isOccupied(): boolean {
    return this.#waiting.size > 0;
  }

  /** Runs `action` when it is its turn, in the asynchronous context of the caller and not of whoever made room. */
  enter(action: () => void, since: number): void {
    this.#waiting.push({ action: AsyncResource.bind(action), since });
    this.#watchOldest();
  }

  /** Resolves when nothing waits. */
  emptied(): Promise<void> {
    return this.isOccupied ? new Promise((resolve) => this.#emptied.push(resolve)) : Promise.resolve();
  }

  /**
   * Lets in one after another while there is room. An action can make room itself, and must not start a second round.
   */
  letIn(): void {
    if (this.#lettingIn || !this.isOccupied) return;
    this.#lettingIn = true;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (!this.#settings.hasRoom() && !this.#settings.isOver() && !this.#isLate(next.since)) break;
      this.#waiting.shift()?.action();
    }
    this.#lettingIn = false;
    if (this.isOccupied) return;
    this.#callOffDeadline?.();
    this.#callOffDeadline = undefined;
    this.#emptied.splice(0).forEach((resolve) => resolve());
  }

  #isLate(since: number): boolean {
    return this.#settings.clock.monotonicMs() - since >= this.#settings.timeoutMs;
  }

  #watchOldest(): void {
    const oldest = this.#waiting.peek();
    if (this.#callOffDeadline !== undefined || oldest === undefined) return;
    const { clock, timeoutMs } = this.#settings;
    const leftMs = Math.max(1, oldest.since + timeoutMs - clock.monotonicMs());
    this.#callOffDeadline = clock.schedule(leftMs, () => {
      this.#callOffDeadline = undefined;
      this.letIn();
      this.#watchOldest();
    });
  }
}
