import type { Consumption } from '../../../contract/index.js';

/** One subscription, with JetStream or core NATS. */
export interface Intake {
  readonly problems: readonly string[];
  readonly isDown: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
  /** See `Consumption.waiting`. Core NATS stores no messages that could wait. */
  waiting?(): Promise<number | undefined>;
}

/** All running subscriptions of one application. */
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

  /** @throws TransportError if a subscription cannot be opened; the others are closed first */
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
