/**
 * Counts the messages of a group that a crash at this moment would repeat: those with handlers, and those that are done and
 * not committed yet.
 *
 * The next commit also covers done messages behind an unsettled one, because its metadata names them. A stuck message therefore
 * blocks only its own partition.
 */
export class Exposure {
  readonly #limit: number;
  #exposed = 0;
  #done = 0;

  /** @param limit `maxUncommitted` */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many more messages may be delivered. */
  get room(): number {
    return this.#limit - this.#exposed;
  }

  /** Whether so many messages are done and uncommitted that a commit is due. */
  get isCommitDue(): boolean {
    return this.#done * 2 >= this.#limit || (this.#done > 0 && this.#exposed >= this.#limit);
  }

  handedOver(): void {
    this.#exposed++;
  }

  /** A failed message waits for its next attempt, which is not a repetition. */
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

  /** Removes the counts of a revoked partition. */
  forget(exposed: number, done: number): void {
    this.#exposed -= exposed;
    this.#done -= done;
  }
}
