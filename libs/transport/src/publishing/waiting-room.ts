/** Where publishes wait while too much is outstanding; whoever came first goes first. */
export class WaitingRoom {
  readonly #hasRoom: () => boolean;
  readonly #waiting: (() => void)[] = [];
  #emptied: (() => void)[] = [];
  #lettingIn = false;

  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  /** Whoever comes now has to queue, even where there is room: others came before. */
  get isOccupied(): boolean {
    return this.#waiting.length > 0;
  }

  /** Runs `action` when it is its turn. */
  enter(action: () => void): void {
    this.#waiting.push(action);
  }

  /** Resolves when nobody waits. */
  emptied(): Promise<void> {
    return this.isOccupied ? new Promise((resolve) => this.#emptied.push(resolve)) : Promise.resolve();
  }

  /** Lets in one after the other while there is room. n.b. an action may make room itself, and must not start a second round. */
  letIn(): void {
    if (this.#lettingIn) return;
    this.#lettingIn = true;
    while (this.#waiting.length > 0 && this.#hasRoom()) this.#waiting.shift()?.();
    this.#lettingIn = false;
    if (!this.isOccupied) this.#emptied.splice(0).forEach((resolve) => resolve());
  }
}
