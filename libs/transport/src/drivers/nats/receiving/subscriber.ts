import type { Consumption } from '../../../contract/index.js';

/** What one subscription is, whichever way it is read. */
export interface Intake {
  readonly problems: readonly string[];
  readonly isDown: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
  /** See `Consumption.waiting`; core NATS keeps nothing that could wait. */
  waiting?(): Promise<number | undefined>;
}

/** Running intake: all subscriptions of one application. */
export class NatsConsumption implements Consumption {
  readonly #intakes: readonly Intake[];
  readonly #open: Set<NatsConsumption>;
  readonly waiting?: NonNullable<Consumption['waiting']>;
  #stopped: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** @param open holds the consumption until it is closed */
  constructor(intakes: readonly Intake[], open: Set<NatsConsumption>) {
    this.#intakes = intakes;
    this.#open = open;
    open.add(this);
    if (intakes.every(({ waiting }) => waiting !== undefined))
      this.waiting = () => Promise.all(intakes.map(async (intake) => intake.waiting?.()));
  }

  get problems(): string[] {
    return this.#intakes.flatMap(({ problems }) => problems);
  }

  get isDown(): boolean {
    return this.#intakes.some(({ isDown }) => isDown);
  }

  /** @throws TransportError when one cannot be placed, after having closed the others */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#intakes.map((intake) => intake.start()));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= Promise.all(this.#intakes.map((intake) => intake.stop())).then(() => undefined);
    return this.#stopped;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#intakes.map((intake) => intake.close())).finally(() => this.#open.delete(this));
  }
}
