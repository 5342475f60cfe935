import {
  ACK,
  TransportError,
  type BrokerConnection,
  type Clock,
  type Consumption,
  type Delivery,
  type DeliverySink,
} from '../../contract/index.js';
import { ReadingEnd } from '../replay/reading-end.js';
import { storedDeadLetter, type StoredDeadLetter } from './stored-dead-letter.js';

/**
 * The group that reads dead letters, the same for every service and tool: what one of them has settled none of them sees
 * again, and what they only looked at stays. Where groups span topics, each dead-letter topic has a group of its own.
 */
export const DEAD_LETTER_ADMIN_GROUP = 'dead-letter-admin';

const groupFor = (topic: string, { groupsSpanTopics = false }: BrokerConnection): string =>
  groupsSpanTopics ? `${DEAD_LETTER_ADMIN_GROUP}.${topic}` : DEAD_LETTER_ADMIN_GROUP;

/** Where dead letters are read. */
export interface Desk {
  readonly connection: BrokerConnection;
  readonly clock: Clock;
  /** Aborted when the application ends. */
  readonly ending: AbortSignal;
}

/** The dead letters of a topic, held unsettled until it is closed; then those that were not settled are given back. */
export class Reading implements DeliverySink {
  readonly #end: ReadingEnd;
  readonly #full = new AbortController();
  readonly #limit: number;
  /** In the order in which they came. */
  #held = new Map<StoredDeadLetter, Delivery>();
  #consumption: Consumption | undefined;

  private constructor(end: ReadingEnd, limit: number) {
    this.#end = end;
    this.#limit = limit;
  }

  /**
   * Resolves when `limit` letters are read, or all.
   * @throws TransportError what `ensureTopics` and `consume` say; `TRANSPORT_CLOSED` once `ending` is aborted;
   *   `TRANSPORT_READING_INCOMPLETE`
   */
  static async open({ connection, clock, ending }: Desk, topic: string, limit: number): Promise<Reading> {
    if (ending.aborted) throw ended(topic);
    const what = `reading of the dead letters of "${topic}"`;
    const reading = new Reading(new ReadingEnd({ connection, clock, ending, what, topic }), limit);
    await connection.ensureTopics([topic], 'dead-letter');
    const subscription = {
      topic,
      group: groupFor(topic, connection),
      delivery: 'group',
      startFrom: 'beginning',
      ordering: 'none',
      concurrency: 1,
      maxInFlight: limit,
    } as const;
    const consumption = await connection.consume([{ subscription, sink: reading }]);
    reading.#consumption = consumption;
    try {
      await reading.#end.until(consumption, () => true, reading.#full.signal);
      if (ending.aborted) throw ended(topic);
      return reading;
    } catch (error) {
      await reading.close();
      throw error;
    }
  }

  get letters(): readonly StoredDeadLetter[] {
    return [...this.#held.keys()];
  }

  receive(deliveries: readonly Delivery[]): void | Promise<void> {
    this.#end.heard();
    // n.b. what is above the limit stays with the broker's accounts: it is given back with the rest.
    for (const delivery of deliveries) {
      if (this.#held.size < this.#limit) this.#held.set(storedDeadLetter(delivery), delivery);
    }
    if (this.#held.size < this.#limit) return;
    this.#full.abort();
    return new Promise(() => undefined);
  }

  revoked(): void {
    this.#held = new Map([...this.#held].filter(([, delivery]) => delivery.state !== 'revoked'));
  }

  /** Whether the letter is still with us: a broker may take back what is held for long. */
  has(letter: StoredDeadLetter): boolean {
    const state = this.#held.get(letter)?.state;
    return state !== undefined && state !== 'revoked';
  }

  /** The letter is dealt with for good. False when somebody else has it by now. */
  settle(letter: StoredDeadLetter): boolean {
    return this.#held.get(letter)?.settle(ACK) ?? false;
  }

  async close(): Promise<void> {
    await this.#consumption?.close();
  }
}

const ended = (topic: string): TransportError =>
  new TransportError('TRANSPORT_CLOSED', `The dead letters of "${topic}" cannot be read: the application ends.`, {
    topic,
  });
