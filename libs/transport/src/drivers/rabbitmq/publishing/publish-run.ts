import { afterThisTurn } from '../../../shared/index.js';
import { MAX_UNCONFIRMED, type ConfirmedChannel, type Fate } from './confirmed-channel.js';
import { unwritable } from './publish-errors.js';
import type { Entry, Request } from './publish-request.js';

/** A channel of the run with its messages. All messages of a key use the same channel. */
export interface Lane {
  readonly channel: ConfirmedChannel;
  readonly entries: readonly Entry[];
}

interface OpenLane extends Lane {
  /** Entries from `next` on are not published yet. */
  readonly entries: Entry[];
  next: number;
  unconfirmed: number;
}

/** The source of further messages, which is also notified of stored ones. */
export interface RunSource {
  /** Returns at most `limit` messages that were published meanwhile. */
  more(limit: number): readonly Entry[];
  stored(entry: Entry): void;
}

/**
 * Publishes entries with a sliding window: each confirm makes room for the next message. Without failures it adds messages that
 * were published meanwhile. After the first lost or rejected message it only waits for those in flight.
 *
 * The order is kept per key and among messages without a key, which share a channel. Other keys may use other channels.
 */
export class PublishRun {
  readonly #lanes: readonly OpenLane[];
  readonly #request: Request;
  readonly #source: RunSource;
  #unconfirmed = 0;
  #isWell = true;
  #isFillScheduled = false;
  #end: () => void = () => undefined;

  /** @param channels for the exclusive use of this run */
  constructor(channels: readonly ConfirmedChannel[], entries: readonly Entry[], request: Request, source: RunSource) {
    this.#lanes = channels.map((channel) => ({ channel, entries: [], next: 0, unconfirmed: 0 }));
    this.#request = request;
    this.#source = source;
    this.#add(entries);
  }

  /** Resolves with the entries of each channel when the outcome of each entry is known. */
  async run(): Promise<readonly Lane[]> {
    await new Promise<void>((resolve) => {
      this.#end = resolve;
      this.#fill();
    });
    return this.#lanes;
  }

  #add(entries: readonly Entry[]): void {
    for (const entry of entries) this.#laneOf(entry).entries.push(entry);
  }

  #laneOf({ message: { key } }: Entry): OpenLane {
    const lanes = this.#lanes;
    return lanes[key === undefined || lanes.length === 1 ? 0 : hashOf(key) % lanes.length] as OpenLane;
  }

  #fill(): void {
    for (const lane of this.#lanes) this.#publishOn(lane);
    if (this.#takeMore()) for (const lane of this.#lanes) this.#publishOn(lane);
    if (this.#unconfirmed === 0) this.#end();
  }

  #publishOn(lane: OpenLane): void {
    while (lane.unconfirmed < MAX_UNCONFIRMED && lane.next < lane.entries.length) {
      this.#publish(lane, lane.entries[lane.next++] as Entry);
    }
  }

  #takeMore(): boolean {
    if (!this.#isWell || this.#lanes.some(({ channel }) => !channel.isOpen)) return false;
    const waiting = this.#lanes.reduce((sum, { entries, next }) => sum + entries.length - next, 0);
    const room = this.#lanes.length * MAX_UNCONFIRMED - this.#unconfirmed - waiting;
    const taken = room > 0 ? this.#source.more(room) : [];
    this.#add(taken);
    return taken.length > 0;
  }

  #publish(lane: OpenLane, entry: Entry): void {
    entry.fate = undefined;
    lane.unconfirmed++;
    this.#unconfirmed++;
    try {
      const isWritten = lane.channel.publish(entry.parcel, (fate) => this.#confirmed(lane, entry, fate));
      entry.written ||= isWritten;
    } catch (error) {
      // The channel has just closed. The message is not at fault, and an earlier attempt may have stored it.
      if ((error as Error).name === 'IllegalOperationError') return this.#confirmed(lane, entry, 'lost');
      lane.unconfirmed--;
      this.#unconfirmed--;
      // `stored` is 'no', because amqplib writes a message completely or not at all.
      this.#request.results[entry.index] = unwritable(entry, error);
    }
  }

  #confirmed(lane: OpenLane, entry: Entry, fate: Fate): void {
    lane.unconfirmed--;
    this.#unconfirmed--;
    entry.fate = fate;
    if (fate === 'stored') this.#source.stored(entry);
    else this.#isWell = false;
    if (this.#isFillScheduled) return;
    this.#isFillScheduled = true;
    afterThisTurn(() => {
      this.#isFillScheduled = false;
      this.#fill();
    });
  }
}

/** FNV-1a over UTF-16 units: cheap, and spread well enough over a handful of channels. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
