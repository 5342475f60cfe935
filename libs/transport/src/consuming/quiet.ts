import type { BrokerConnection, Clock } from '../contract/index.js';

/** How long nothing may come before everything has been read. */
const QUIET_MS = 1_000;

/** Tells when a broker that was asked for all it has gives nothing more. While it is away that says nothing: it has to be back, and quiet. */
export class Quiet {
  readonly #connection: BrokerConnection;
  readonly #clock: Clock;
  readonly #ending: AbortSignal;
  #heardAt: number;

  /** @param ending nothing is waited for once it is aborted */
  constructor(connection: BrokerConnection, clock: Clock, ending: AbortSignal) {
    this.#connection = connection;
    this.#clock = clock;
    this.#ending = ending;
    this.#heardAt = clock.monotonicMs();
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = this.#clock.monotonicMs();
  }

  /** Resolves when nothing has come for a while and `isDone`, or when `enough` is aborted. */
  until(isDone: () => boolean, enough?: AbortSignal): Promise<void> {
    const over = AbortSignal.any(enough === undefined ? [this.#ending] : [this.#ending, enough]);
    this.heard();
    return new Promise((resolve) => {
      let callOff = (): void => undefined;
      const end = (): void => {
        callOff();
        resolve();
      };
      const look = (): void => {
        if (this.#connection.health().status === 'down') this.heard();
        const leftMs = this.#heardAt + QUIET_MS - this.#clock.monotonicMs();
        if (over.aborted || (leftMs <= 0 && isDone())) return end();
        callOff = this.#clock.schedule(Math.max(leftMs, QUIET_MS / 10), look);
      };
      over.addEventListener('abort', end, { once: true });
      look();
    });
  }
}
