import {
  ACK,
  type BrokerConnection,
  type Clock,
  type Consumption,
  type Delivery,
  type DeliverySink,
} from '../../contract/index.js';
import { storedDeadLetter, type StoredDeadLetter } from './stored-dead-letter.js';

/**
 * Those who work with dead letters are a group like any other, the same for every service and tool: what one of them has
 * settled none of them sees again, and what they only looked at stays.
 */
export const DESK_GROUP = 'dead-letter-desk';

/** How long nothing may come before everything has been read. */
const QUIET_MS = 1_000;

interface Held {
  readonly letter: StoredDeadLetter;
  readonly delivery: Delivery;
}

/** The dead letters of a topic, held unsettled until it is closed; then those that were not settled are given back. */
export class Reading implements DeliverySink {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #held: Held[] = [];
  #consumption: Consumption | undefined;
  #heardAt: number;
  #tellFull = (): void => undefined;

  private constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#heardAt = clock.monotonicMs();
  }

  /** Resolves when `limit` letters are read, or no more come. @throws TransportError what `ensureTopics` and `consume` say */
  static async open(connection: BrokerConnection, clock: Clock, topic: string, limit: number): Promise<Reading> {
    const reading = new Reading(clock, limit);
    await connection.ensureTopics([topic], 'dead-letter');
    const subscription = {
      topic,
      group: DESK_GROUP,
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'none',
      concurrency: 1,
      maxInFlight: limit,
    } as const;
    reading.#consumption = await connection.consume([{ subscription, sink: reading }]);
    await reading.#untilRead();
    return reading;
  }

  get letters(): readonly StoredDeadLetter[] {
    return this.#held.map(({ letter }) => letter);
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.#heardAt = this.#clock.monotonicMs();
    // n.b. what is above the limit stays with the broker's accounts: it is given back with the rest.
    for (const delivery of deliveries) {
      if (this.#held.length < this.#limit) this.#held.push({ letter: storedDeadLetter(delivery), delivery });
    }
    if (this.#held.length < this.#limit) return;
    this.#tellFull();
    return new Promise(() => undefined);
  }

  revoked(): void {
    this.#held.splice(0, this.#held.length, ...this.#held.filter(({ delivery }) => delivery.state !== 'revoked'));
  }

  /** The letter is dealt with for good. False when somebody else has it by now. */
  settle(letter: StoredDeadLetter): boolean {
    return this.#held.find((held) => held.letter === letter)?.delivery.settle(ACK) ?? false;
  }

  async close(): Promise<void> {
    await this.#consumption?.close();
  }

  #untilRead(): Promise<void> {
    return new Promise((resolve) => {
      let callOff: () => void = () => undefined;
      const look = (): void => {
        const leftMs = this.#heardAt + QUIET_MS - this.#clock.monotonicMs();
        if (leftMs <= 0) return resolve();
        callOff = this.#clock.schedule(leftMs, look);
      };
      this.#heardAt = this.#clock.monotonicMs();
      this.#tellFull = () => {
        callOff();
        resolve();
      };
      if (this.#held.length >= this.#limit) return resolve();
      look();
    });
  }
}
