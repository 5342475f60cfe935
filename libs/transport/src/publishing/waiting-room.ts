import { AsyncResource } from 'node:async_hooks';
import { Fifo } from '../contract/index.js';

interface Waiting {
  readonly action: () => void;
  /** On the monotonic clock. */
  readonly since: number;
}

/** Where publishes wait while too much is outstanding; whoever came first goes first. */
export class WaitingRoom {
  readonly #hasRoom: () => boolean;
  readonly #isLate: (since: number) => boolean;
  readonly #waiting = new Fifo<Waiting>();
  #emptied: (() => void)[] = [];
  #lettingIn = false;

  /** @param isLate whether somebody who came then has waited long enough: then the action runs, room or not, to say so */
  constructor(hasRoom: () => boolean, isLate: (since: number) => boolean) {
    this.#hasRoom = hasRoom;
    this.#isLate = isLate;
  }

  /** Whoever comes now has to queue, even where there is room: others came before. */
  get isOccupied(): boolean {
    return this.#waiting.size > 0;
  }

  /** Since when the first one waits. */
  get oldest(): number | undefined {
    return this.#waiting.peek()?.since;
  }

  /** Runs `action` when it is its turn, in the asynchronous context of whoever waits and not of whoever made room. */
  enter(action: () => void, since: number): void {
    this.#waiting.push({ action: AsyncResource.bind(action), since });
  }

  /** Resolves when nobody waits. */
  emptied(): Promise<void> {
    return this.isOccupied ? new Promise((resolve) => this.#emptied.push(resolve)) : Promise.resolve();
  }

  /** Lets in one after the other while there is room. n.b. an action may make room itself, and must not start a second round. */
  letIn(): void {
    if (this.#lettingIn) return;
    this.#lettingIn = true;
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (!this.#hasRoom() && !this.#isLate(next.since)) break;
      this.#waiting.shift()?.action();
    }
    this.#lettingIn = false;
    if (!this.isOccupied) this.#emptied.splice(0).forEach((resolve) => resolve());
  }
}
