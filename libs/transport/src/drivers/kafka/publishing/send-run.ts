import {
  sizeAtMost,
  TransportError,
  type Clock,
  type OutgoingMessage,
  type SendResult,
  type SendWindow,
} from '../../../contract/index.js';
import type { OutgoingRecord } from '../client/seam.js';

/** One message and its record. The record has its partition once the client has chosen it. */
export interface Entry {
  readonly index: number;
  readonly message: OutgoingMessage;
  readonly record: OutgoingRecord;
}

/** The steps of a run. */
export interface SendSteps {
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  entryOf(message: OutgoingMessage, index: number): Entry;
  /** Chooses the partition of a record that names none. Returns its leader, or undefined when it is unknown. */
  leaderOf(entry: Entry): number | undefined;
  /** Sends one request to one broker and sets a result for each entry. Never rejects. */
  request(entries: readonly Entry[], results: SendResult[]): Promise<void>;
}

/** A request that takes longer may take very long, because its broker does not respond. */
const LATE_MS = 1_000;
/** Most messages to fetch from the caller at a time while another request is in flight. */
const MAX_TAKEN = 5_000;

/**
 * Runs one call of `send` with one request at a time per leader and per partition. While one leader is slow, messages for other leaders
 * continue: each is reported as soon as it is stored, and more are requested. Messages for a partition keep their order.
 */
export class SendRun {
  readonly #steps: SendSteps;
  readonly #window: SendWindow | undefined;
  readonly #results: SendResult[];
  /** Messages that wait for their partition or leader, in order. */
  readonly #waiting = new Map<string, Entry[]>();
  readonly #busyPlaces = new Set<string>();
  /** When the request of each leader started. */
  readonly #busyLeaders = new Map<number | undefined, number>();
  #count = 0;
  #takesMore = true;
  #end: (error?: unknown) => void = () => undefined;

  /** @param results where the outcomes go, by the index of an entry */
  constructor(steps: SendSteps, results: SendResult[], window?: SendWindow) {
    this.#steps = steps;
    this.#results = results;
    this.#window = window;
  }

  /** Resolves when every message has its result, including those requested during the run. */
  async run(entries: readonly Entry[]): Promise<void> {
    this.#count = this.#results.length;
    const byLeader = this.#byLeader(entries);
    if (byLeader.size === 1) return this.#steps.request(entries, this.#results);
    await new Promise<void>((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error as Error));
      for (const [leader, part] of byLeader) this.#start(leader, part);
    });
  }

  #byLeader(entries: readonly Entry[]): Map<number | undefined, Entry[]> {
    const byLeader = new Map<number | undefined, Entry[]>();
    for (const entry of entries) {
      const leader = this.#steps.leaderOf(entry);
      const part = byLeader.get(leader);
      if (part === undefined) byLeader.set(leader, [entry]);
      else part.push(entry);
    }
    return byLeader;
  }

  #start(leader: number | undefined, entries: readonly Entry[]): void {
    const places = new Set(entries.map(placeOf));
    for (const place of places) this.#busyPlaces.add(place);
    this.#busyLeaders.set(leader, this.#steps.clock.monotonicMs());
    this.#steps.request(entries, this.#results).then(() => {
      this.#busyLeaders.delete(leader);
      for (const place of places) this.#busyPlaces.delete(place);
      this.#afterRequest(entries);
    }, this.#end);
  }

  #afterRequest(entries: readonly Entry[]): void {
    for (const entry of entries) this.#report(entry);
    if (this.#takesMore && this.#busyLeaders.size > 0) this.#take();
    this.#startWaiting();
    if (this.#busyLeaders.size === 0) this.#end();
  }

  /** A message that the caller will retry must go before the messages that wait for its partition, so these fail with it. */
  #report(entry: Entry): void {
    const result = this.#results[entry.index];
    if (!(result instanceof TransportError)) return this.#window?.stored(entry.index, result as never);
    this.#takesMore = false;
    if (result.stored !== 'no' || !result.retryable) return;
    const place = placeOf(entry);
    for (const { index } of this.#waiting.get(place) ?? []) this.#results[index] = result;
    this.#waiting.delete(place);
  }

  #take(): void {
    const oldest = Math.min(...this.#busyLeaders.values());
    const isLate = this.#steps.clock.monotonicMs() - oldest > LATE_MS;
    for (const message of this.#window?.next(MAX_TAKEN, isLate) ?? []) {
      const entry = this.#steps.entryOf(message, this.#count++);
      this.#steps.leaderOf(entry);
      const place = placeOf(entry);
      const queue = this.#waiting.get(place);
      if (queue === undefined) this.#waiting.set(place, [entry]);
      else queue.push(entry);
    }
  }

  /** Starts one request for each idle leader, with the messages that wait for idle partitions. */
  #startWaiting(): void {
    const requests = new Map<number | undefined, { readonly entries: Entry[]; bytes: number }>();
    for (const [place, queue] of this.#waiting) {
      const leader = this.#steps.leaderOf(queue[0] as Entry);
      if (this.#busyPlaces.has(place) || this.#busyLeaders.has(leader)) continue;
      let request = requests.get(leader);
      if (request === undefined) requests.set(leader, (request = { entries: [], bytes: 0 }));
      this.#fill(request, queue);
      if (queue.length === 0) this.#waiting.delete(place);
    }
    for (const [leader, { entries }] of requests) this.#start(leader, entries);
  }

  /** Moves as many messages as fit into the request, at least one into an empty one. */
  #fill(request: { readonly entries: Entry[]; bytes: number }, queue: Entry[]): void {
    let count = 0;
    for (const { message } of queue) {
      const bytes = sizeAtMost(message);
      const isFull = request.bytes + bytes > this.#steps.maxRequestBytes && request.entries.length + count > 0;
      if (isFull) break;
      request.bytes += bytes;
      count++;
    }
    request.entries.push(...queue.splice(0, count));
  }
}

const placeOf = ({ message, record }: Entry): string => `${message.topic}/${record.partition ?? ''}`;
