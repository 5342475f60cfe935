import type { Clock, Delivery } from '../../contract/index.js';

/** A message was kept back, and goes back to wait: its handler never began, so this was no attempt. */
export class NotBegun extends Error {
  override readonly name = 'NotBegun';
}

/** Messages that policies keep back before their handlers begin, and what else policies wait for. */
export class Holds {
  readonly #held = new Set<() => void>();
  readonly #timers = new Set<() => void>();
  #isOver = false;

  /**
   * Resolves when `release` is called.
   * n.b. 'queued' meanwhile, because nothing of it runs: a broker that takes it back has to wait for nobody.
   * @throws NotBegun when it is put back, or was revoked
   */
  async hold(delivery: Delivery, until: (release: () => void) => () => void): Promise<void> {
    if (this.#isOver) throw new NotBegun();
    delivery.state = 'queued';
    await this.#released(until);
    if (isRevoked(delivery)) throw new NotBegun();
    delivery.state = 'running';
  }

  /** Nothing that is kept back now begins; it goes back to wait with the runner. */
  putBack(): void {
    for (const end of [...this.#held]) end();
  }

  /** Does something later, unless it is all over by then. */
  schedule(clock: Clock, delayMs: number, action: () => void): void {
    if (this.#isOver) return;
    const callOff = clock.schedule(delayMs, () => {
      this.#timers.delete(callOff);
      action();
    });
    this.#timers.add(callOff);
  }

  /** Puts back what is kept back now and later, and calls off what is scheduled. */
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
        reject(new NotBegun());
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
