import type { Channel } from 'amqplib';
import type { Clock } from '../../../contract/index.js';
import type { ParcelStore } from './delayed-redelivery.js';
import type { RabbitmqDelivery } from './delivery.js';
import type { Link } from '../client/link.js';
import { pastOf } from '../mapping.js';
import { onChannel, type Topology } from '../topology/topology.js';

/** How long notes that were read are valid. */
const FRESH_MS = 1_000;
/** Limit of notes to read. */
const MOST_NOTES = 200;
/** Time to live of notes on messages that no handler started, which are redelivered soon. */
const UNHANDLED_TTL_MS = 3_600_000;

/** What a process knew about a message when it closed. */
interface Note {
  /** The number of the attempt that comes next. */
  readonly attempt: number;
  /** Which copy of the message it was, and how often the server had delivered it; undefined in notes of earlier versions. */
  readonly copy: number | undefined;
  readonly deliveries: number;
}

/**
 * Corrects attempts that the broker counts wrong. A keyed message waits for its next attempt in the process, and the broker counts
 * one delivery for all attempts. It also counts deliveries that no handler started. On a clean close a process therefore writes its
 * counts to a queue next to the group's queue. The next consumer of such a message reads them there. The notes stay for others, and expire.
 */
export class AttemptNotes {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #topology: Topology;
  readonly #store: ParcelStore;
  readonly #queue: string;
  readonly #topic: string;
  #attempts: ReadonlyMap<string, Note> = new Map();
  #readAtMs: number | undefined;
  #reading: Promise<void> | undefined;

  constructor(clock: Clock, link: Link, topology: Topology, store: ParcelStore, queue: string, topic: string) {
    this.#clock = clock;
    this.#link = link;
    this.#topology = topology;
    this.#store = store;
    this.#queue = `${queue}:attempts`;
    this.#topic = topic;
  }

  /** Writes the counts that the broker has wrong. Ignores failures: the messages are redelivered anyway, with the count of deliveries. */
  async write(deliveries: readonly RabbitmqDelivery[]): Promise<void> {
    const uncounted = deliveries.filter(({ attempt, countedAttempt }) => attempt !== countedAttempt + 1);
    if (uncounted.length === 0) return;
    const notes = uncounted.map(noteOf);
    const isUnhandled = uncounted.every(({ attempt, countedAttempt }) => attempt <= countedAttempt);
    try {
      await this.#topology.ensureNotes(this.#queue, this.#topic);
      const expires = isUnhandled ? { expiration: String(UNHANDLED_TTL_MS) } : {};
      const properties = { deliveryMode: 2, contentType: 'application/json', ...expires };
      const content = Buffer.from(JSON.stringify(notes));
      await this.#store.store({ exchange: '', routingKey: this.#queue, mandatory: true, content, properties });
    } catch {
      // See the comment of this method.
    }
  }

  /** Corrects the attempt of a redelivered message. Returns undefined when that was possible at once. */
  recall(delivery: RabbitmqDelivery): Promise<void> | undefined {
    const isFresh = this.#readAtMs !== undefined && this.#clock.monotonicMs() - this.#readAtMs < FRESH_MS;
    if (isFresh) return void this.#correct(delivery);
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading.then(() => this.#correct(delivery));
  }

  #correct(delivery: RabbitmqDelivery): void {
    const note = this.#attempts.get(delivery.id);
    if (note === undefined) return;
    const { attempts, deliveries } = pastOf(delivery.raw);
    const isNewest = note.copy === attempts - deliveries && note.deliveries + 1 === deliveries;
    if (!isNewest && note.attempt <= delivery.attempt) return;
    delivery.explain();
    delivery.attempt = note.attempt;
  }

  async #read(): Promise<void> {
    try {
      this.#attempts = await this.#readAll();
    } catch {
      // There are no notes, or the connection was lost and the deliveries are revoked too.
      this.#attempts = new Map();
    }
    this.#readAtMs = this.#clock.monotonicMs();
  }

  /** Reads without acks, so that the channel close requeues the notes for the other members. */
  async #readAll(): Promise<ReadonlyMap<string, Note>> {
    const notes = new Map<string, Note>();
    await onChannel(await this.#link.open(), async (channel: Channel) => {
      for (let count = 0; count < MOST_NOTES; count++) {
        const message = await channel.get(this.#queue);
        if (message === false) return;
        for (const [id, note] of entriesOf(message.content)) notes.set(id, newerOf(note, notes.get(id)));
      }
    });
    return notes;
  }
}

function noteOf({ id, attempt, raw }: RabbitmqDelivery): readonly [string, number, number, number] {
  const { attempts, deliveries } = pastOf(raw);
  return [id, attempt, attempts - deliveries, deliveries];
}

const newerOf = (note: Note, known: Note | undefined): Note => {
  if (known === undefined) return note;
  const isNewer =
    note.deliveries === known.deliveries ? note.attempt > known.attempt : note.deliveries > known.deliveries;
  return isNewer ? note : known;
};

function entriesOf(content: Buffer): [string, Note][] {
  try {
    const entries = JSON.parse(content.toString()) as unknown;
    return Array.isArray(entries) ? entries.flatMap(entryOf) : [];
  } catch {
    return [];
  }
}

function entryOf(entry: unknown): [string, Note][] {
  const [id, attempt, copy, deliveries] = (Array.isArray(entry) ? entry : []) as unknown[];
  if (typeof id !== 'string' || !isCount(attempt)) return [];
  const isOfNow = isCount(copy) && isCount(deliveries);
  return [[id, isOfNow ? { attempt, copy, deliveries } : { attempt, copy: undefined, deliveries: 0 }]];
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value);
