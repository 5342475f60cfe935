/**
 * How many messages a SIGKILL at this moment would make come again although they were, or may have been, handled: all
 * that are with handlers, and those that are done and in no commit yet. One count for all partitions of a group.
 *
 * Done messages behind an unsettled one are safe with the next commit too, because its metadata names them; so a message
 * that is stuck costs its own partition room, and no other.
 */
export class Exposure {
  readonly #limit: number;
  #exposed = 0;
  #done = 0;

  /** @param limit `maxUncommitted` */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many more may be handed over. */
  get room(): number {
    return this.#limit - this.#exposed;
  }

  /** So much is done and not committed that it is time to. */
  get isCommitDue(): boolean {
    return this.#done * 2 >= this.#limit || (this.#done > 0 && this.#exposed >= this.#limit);
  }

  handedOver(): void {
    this.#exposed++;
  }

  /** A message that failed waits for its next attempt: handling it again is no repetition. */
  parked(): void {
    this.#exposed--;
  }

  /** @param wasParked it was not counted while it waited */
  settled(wasParked: boolean): void {
    if (wasParked) this.#exposed++;
    this.#done++;
  }

  committed(done: number): void {
    this.#exposed -= done;
    this.#done -= done;
  }

  /** A partition is gone, with what was counted of it. */
  forget(exposed: number, done: number): void {
    this.#exposed -= exposed;
    this.#done -= done;
  }
}
