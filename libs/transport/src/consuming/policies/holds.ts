import type { Clock, Delivery } from '../../contract/index.js';

/** A message was held back and waits again: its handler never started, so this was no attempt. */
export class NotStarted extends Error {
  override readonly name = 'NotStarted';
}

/** Holds messages that policies keep back before their handlers start, and the timers of policies. */
export class Holds {
  readonly #held = new Set<() => void>();
  readonly #timers = new Set<() => void>();
  #isOver = false;

  /**
   * Resolves when `release` is called. The delivery is 'queued' in the meantime, because nothing of it runs: a broker
   * that revokes it need not wait.
   * @throws NotStarted if it is put back or revoked
   */
  async hold(delivery: Delivery, until: (release: () => void) => () => void): Promise<void> {
    if (this.#isOver) throw new NotStarted();
    delivery.state = 'queued';
    await this.#released(until);
    if (isRevoked(delivery)) throw new NotStarted();
    delivery.state = 'running';
  }

  /** Puts back everything that is held; it waits with the runner again. */
  putBack(): void {
    for (const end of [...this.#held]) end();
  }

  /** Runs an action later, unless the subscription has ended by then. */
  schedule(clock: Clock, delayMs: number, action: () => void): void {
    if (this.#isOver) return;
    const callOff = clock.schedule(delayMs, () => {
      this.#timers.delete(callOff);
      action();
    });
    this.#timers.add(callOff);
  }

  /** Puts back what is held, now and later, and cancels the timers. */
  end(): void {
    this.#isOver = true;
    this.putBack();
    for (const callOff of this.#timers) callOff();
    this.#timers.clear();
  }

  #released(until: (release: () => void) => () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let callOff = (): void => undefined;
      const end = (): void => {
        this.#held.delete(end);
        callOff();
        reject(new NotStarted());
      };
      this.#held.add(end);
      callOff = until(() => {
        this.#held.delete(end);
        resolve();
      });
    });
  }
}

const isRevoked = ({ state }: Delivery): boolean => state === 'revoked';
