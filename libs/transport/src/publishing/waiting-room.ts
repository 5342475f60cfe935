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
  /** Who has waited this long is let in without room, to report that. */
  readonly timeoutMs: number;
  readonly hasRoom: () => boolean;
  /** Everybody is let in, to report that the publisher has ended. */
  readonly isOver: () => boolean;
}

/** Where publishes to one topic wait while too much is outstanding; whoever came first goes first. */
export class WaitingRoom {
  readonly #settings: WaitingRoomSettings;
  readonly #waiting = new Fifo<Waiting>();
  #emptied: (() => void)[] = [];
  #lettingIn = false;
  #callOffDeadline: (() => void) | undefined;

  constructor(settings: WaitingRoomSettings) {
    this.#settings = settings;
  }

  /** Whoever comes now has to queue, even where there is room: others came before. */
  get isOccupied(): boolean {
    return this.#waiting.size > 0;
  }

  /** Runs `action` when it is its turn, in the asynchronous context of whoever waits and not of whoever made room. */
  enter(action: () => void, since: number): void {
    this.#waiting.push({ action: AsyncResource.bind(action), since });
    this.#watchOldest();
  }

  /** Resolves when nobody waits. */
  emptied(): Promise<void> {
    return this.isOccupied ? new Promise((resolve) => this.#emptied.push(resolve)) : Promise.resolve();
  }

  /** Lets in one after the other while there is room. An action may make room itself, and must not start a second round. */
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
