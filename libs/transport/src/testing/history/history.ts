import { randomUUID } from 'node:crypto';
import type { Notices } from '../../contract/index.js';
import type { Handler } from '../../consuming/index.js';
import type { Publisher } from '../../publishing/index.js';
import { checkDuplicates, checkLost, checkOrderPerKey, checkPhantoms, checkPredecessors } from './checks.js';
import type { Handling, HistoryEntry } from './history-entry.js';

/** From which messages `assertNothingLost` expects that they are done. */
export interface NothingLostOptions {
  /**
   * `'all'`: everything that was published is expected to be done by now. `'seen'`: only what was published before
   * the last message that a group has seen, for a history that ends in the middle of the work. @default 'all'
   */
  readonly expect?: 'all' | 'seen';
}

/**
 * Records what was published, handled and settled, and checks it afterwards, like Jepsen's queue checker. Meanwhile the test
 * may kill, restart and reorder anything.
 *
 * ```ts
 * const history = new History();
 * const publisher = history.recordPublisher(app.get(Publisher));
 * history.recordNotices(notices);
 * ...
 * history.assertNothingLost();
 * history.assertDuplicatesAtMost(1000);
 * history.assertOrderPerKey();
 * ```
 */
export class History {
  readonly #entries: HistoryEntry[];

  constructor(entries: readonly HistoryEntry[] = []) {
    this.#entries = [...entries];
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  /** Written down after all that is there already. */
  add(entry: HistoryEntry): void {
    this.#entries.push(entry);
  }

  /** Wraps a publisher and records its publishes. It chooses the message ids, because a failed publish returns none. */
  recordPublisher(publisher: Publisher): Pick<Publisher, 'publish'> {
    return { publish: recordPublish(this, publisher) };
  }

  /** Wraps a handler and records its calls. */
  recordHandler(handler: Handler): Handler {
    return async (payload, delivery) => {
      const { id, topic, group, attempt } = delivery;
      this.add({ what: 'handle', id, topic, group, attempt });
      try {
        const returned: unknown = await handler(payload, delivery);
        this.add({ what: 'handled', id, topic, group, outcome: 'ok' });
        return returned;
      } catch (error) {
        this.add({ what: 'handled', id, topic, group, outcome: 'failed' });
        throw error;
      }
    };
  }

  /** Records how messages are settled. The returned function stops it. */
  recordNotices(notices: Notices): () => void {
    const settled = (how: 'ack' | 'drop' | 'dead-letter') => (notice: Handling) => {
      const { id, topic, group } = notice;
      this.add({ what: 'settled', id, topic, group, how });
    };
    const ends = [
      notices.on('message:acked', settled('ack')),
      notices.on('message:dropped', settled('drop')),
      notices.on('message:dead-lettered', settled('dead-letter')),
    ];
    return () => ends.forEach((end) => end());
  }

  /** Asserts that every message with a confirmed publish was handled, dead-lettered or dropped by every group on its topic. */
  assertNothingLost({ expect = 'all' }: NothingLostOptions = {}): void {
    checkLost(this.#entries, expect);
  }

  /** Asserts at most `limit` duplicates per group: successful handlings after the first of the same message. */
  assertDuplicatesAtMost(limit: number): void {
    checkDuplicates(this.#entries, limit);
  }

  /** Asserts that messages of one key were first handled in publish order. Publish each key from one place, in sequence. */
  assertOrderPerKey(): void {
    checkOrderPerKey(this.#entries);
  }

  /** Asserts that no handler started before the predecessor of the same key was settled. For histories without a crash. */
  assertPredecessorsSettled(): void {
    checkPredecessors(this.#entries);
  }

  /** Asserts that no message was handled that was never published, or whose publish was reported as not stored. */
  assertNoPhantom(): void {
    checkPhantoms(this.#entries);
  }
}

function recordPublish(history: History, publisher: Publisher): Publisher['publish'] {
  // Why a cast: one body serves both overloads, an event definition or the name of a topic.
  const inner = publisher.publish.bind(publisher) as (
    event: string,
    payload: unknown,
    options: object,
  ) => ReturnType<Publisher['publish']>;
  return async (
    event: string | { readonly topic: string },
    payload: unknown,
    options: { id?: string; key?: string } = {},
  ) => {
    const id = options.id ?? randomUUID();
    const topic = typeof event === 'string' ? event : event.topic;
    history.add({ what: 'publish', id, topic, key: options.key ?? keyOf(event, payload) });
    try {
      const receipt = await inner(event as string, payload, { ...options, id });
      history.add({ what: 'published', id, outcome: 'ok' });
      return receipt;
    } catch (error) {
      const stored = (error as { stored?: string }).stored;
      history.add({ what: 'published', id, outcome: stored === 'unknown' ? 'unknown' : 'failed' });
      throw error;
    }
  };
}

function keyOf(event: unknown, payload: unknown): string | undefined {
  const key = (event as { key?: (payload: unknown) => string | undefined }).key;
  return typeof key === 'function' ? key(payload) : undefined;
}
