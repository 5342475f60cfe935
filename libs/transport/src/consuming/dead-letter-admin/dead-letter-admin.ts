import {
  TransportError,
  WIRE_HEADERS,
  type BrokerConnection,
  type BrokerHost,
  type OutgoingMessage,
} from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import { Reading } from './reading.js';
import type { StoredDeadLetter } from './stored-dead-letter.js';

/** Selects dead letters of a topic. */
export interface DeadLetterSelection {
  /** Only letters with these ids. @default all */
  readonly ids?: readonly string[];
  /** Only letters whose error has this fingerprint, as `count` returns it. @default all */
  readonly fingerprint?: string;
  /** Reads at most this many letters from the topic. Integer >= 1. @default 1000 */
  readonly limit?: number;
}

/** Options of a replay of dead letters. */
export interface ReplayOptions extends DeadLetterSelection {
  /**
   * Replays at most this many per second, so that a recovered service is not flooded. Integer >= 1. @default no limit
   */
  readonly ratePerSecond?: number;
  /** Publishes to this topic instead of the original one. @default the original topic */
  readonly to?: string;
  /** Reports what would be done without doing it. @default false */
  readonly dryRun?: boolean;
  /** Called after each letter with the number processed so far and the total. @default none */
  readonly onProgress?: (dealtWith: number, of: number) => void;
}

/** The result of a replay or a discard. */
export interface DeadLetterReport {
  /** Ids in the order in which they were processed. */
  readonly done: readonly string[];
  /** Letters that stay in the topic, each with the reason. */
  readonly left: readonly { readonly id: string; readonly error: TransportError }[];
}

/** The number of dead letters with one fingerprint. */
export interface FingerprintCount {
  readonly fingerprint: string;
  /** Letters found in the topic, not all failures: replayed and discarded letters no longer count. */
  readonly count: number;
  readonly oldest: Date | undefined;
  readonly newest: Date | undefined;
}

const SELECTION_RULES = { ids: option.texts, fingerprint: option.text, limit: option.integer(1) } as const;
const REPLAY_RULES = {
  ...SELECTION_RULES,
  ratePerSecond: option.integer(1),
  to: option.text,
  dryRun: option.flag,
  onProgress: option.fn,
} as const satisfies Record<keyof ReplayOptions, unknown>;

/** How many letters are read if no `limit` is set. */
export const DEAD_LETTER_LIMIT = 1_000;

/**
 * Lists, counts, replays and discards dead letters, the same way on every broker.
 *
 * It reads in a group of its own, `dead-letter-admin` (on Kafka `dead-letter-admin.<topic>`): letters that it replayed
 * or discarded are settled there and not shown again; letters that it only listed stay. Readers of different topics do
 * not affect each other; two readers of one topic at the same time share its letters.
 */
export class DeadLetterAdmin {
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #ending: AbortSignal;

  /** @param ending aborts when the application shuts down, and ends what is in progress. @default never */
  constructor(connection: BrokerConnection, host: BrokerHost, ending: AbortSignal = new AbortController().signal) {
    this.#connection = connection;
    this.#host = host;
    this.#ending = ending;
  }

  /**
   * Lists the letters of a dead-letter topic, oldest first if the broker keeps order. It reads up to the current end of
   * the topic on Kafka and memory, and on other brokers until none has arrived for one second.
   * @throws TransportError `TRANSPORT_READING_INCOMPLETE` if a reachable broker delivers nothing for 30 seconds before
   *   that end. The other methods throw it as well, before they change anything.
   */
  list(topic: string, selection: DeadLetterSelection = {}): Promise<readonly StoredDeadLetter[]> {
    checkOptions('list', selection, SELECTION_RULES);
    return this.#read(topic, selection, (_, letters) => Promise.resolve(letters));
  }

  /** Counts the letters of each cause, largest group first. */
  async count(topic: string, selection: DeadLetterSelection = {}): Promise<readonly FingerprintCount[]> {
    const letters = await this.list(topic, selection);
    const groups = new Map<string, StoredDeadLetter[]>();
    for (const letter of letters) {
      const group = groups.get(letter.fingerprint);
      if (group === undefined) groups.set(letter.fingerprint, [letter]);
      else group.push(letter);
    }
    const counts = [...groups].map(([fingerprint, of]) => ({ fingerprint, count: of.length, ...ageOf(of) }));
    return counts.sort((a, b) => b.count - a.count);
  }

  /**
   * Publishes the originals again, one after another, which keeps the order of their keys, with their ids, keys,
   * headers and bytes. A letter is settled after its original is stored: a crash in between causes a duplicate, never a
   * loss. Every group of the original topic receives it; groups that already handled it can recognize its id.
   */
  replay(topic: string, options: ReplayOptions = {}): Promise<DeadLetterReport> {
    checkOptions('replay', options, REPLAY_RULES);
    refuseHalfSaid('replay', options);
    return this.#read(topic, options, (reading, letters) => this.#replayAll(reading, letters, options));
  }

  /** Settles letters permanently. Afterwards they can only be read from the broker itself. */
  discard(topic: string, selection: DeadLetterSelection): Promise<DeadLetterReport> {
    checkOptions('discard', selection, SELECTION_RULES);
    refuseHalfSaid('discard', selection);
    return this.#read(topic, selection, (reading, letters) => {
      const done: string[] = [];
      const left: DeadLetterReport['left'][number][] = [];
      for (const letter of letters) {
        if (reading.settle(letter)) done.push(letter.id);
        else left.push(taken(letter));
      }
      return Promise.resolve({ done, left });
    });
  }

  async #read<Result>(
    topic: string,
    { limit = DEAD_LETTER_LIMIT, ids, fingerprint }: DeadLetterSelection,
    work: (reading: Reading, letters: readonly StoredDeadLetter[]) => Promise<Result>,
  ): Promise<Result> {
    const admin = { connection: this.#connection, clock: this.#host.clock, ending: this.#ending };
    const reading = await Reading.open(admin, topic, limit);
    try {
      const selectedIds = ids && new Set(ids);
      const selected = reading.letters.filter(
        (letter) =>
          (selectedIds === undefined || selectedIds.has(letter.id)) &&
          (fingerprint === undefined || letter.fingerprint === fingerprint),
      );
      return await work(reading, selected);
    } finally {
      await reading.close();
    }
  }

  async #replayAll(
    reading: Reading,
    letters: readonly StoredDeadLetter[],
    { ratePerSecond, to, dryRun = false, onProgress }: ReplayOptions,
  ): Promise<DeadLetterReport> {
    const done: string[] = [];
    const left: { id: string; error: TransportError }[] = [];
    const failedKeys = new Set<string>();
    for (const letter of letters) {
      const isFirst = done.length === 0;
      if (!isFirst && ratePerSecond !== undefined && !dryRun && !this.#ending.aborted)
        await this.#pause(1_000 / ratePerSecond);
      // A letter that follows one that was not replayed would overtake it.
      const error = failedKeys.has(keyOf(letter) ?? '')
        ? overtaking(letter)
        : await this.#replay(reading, letter, to, dryRun);
      if (error === undefined) done.push(letter.id);
      else left.push({ id: letter.id, error });
      const key = keyOf(letter);
      if (error !== undefined && key !== undefined) failedKeys.add(key);
      onProgress?.(done.length + left.length, letters.length);
    }
    return { done, left };
  }

  /** undefined: it is stored and settled. */
  async #replay(
    reading: Reading,
    letter: StoredDeadLetter,
    to: string | undefined,
    dryRun: boolean,
  ): Promise<TransportError | undefined> {
    const topic = to ?? letter.originalTopic;
    if (topic === undefined) return withoutOrigin(letter);
    if (letter.omittedBytes !== undefined) return withoutBody(letter);
    if (dryRun) return undefined;
    if (!reading.has(letter)) return taken(letter).error;
    if (this.#ending.aborted) return tooLate(letter);
    const [result] = await this.#connection.producer.send([originalOf(letter, topic)]);
    if (result instanceof TransportError) return result;
    // If another reader has it by now, it is stored twice rather than never.
    reading.settle(letter);
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#host.clock.schedule(ms, resolve));
  }
}

/** Otherwise `{ fingerprint: found?.fingerprint }` of something that was not found would select all letters. */
function refuseHalfSaid(what: string, selection: DeadLetterSelection): void {
  for (const name of ['ids', 'fingerprint'] as const) {
    if (!Object.hasOwn(selection, name) || selection[name] !== undefined) continue;
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      `${what}: ${name} is undefined. Set it to select dead letters, or leave ${name} out to select all.`,
    );
  }
}

/** Keys that are not valid UTF-8 can look the same as text. */
const keyOf = ({ key, rawKey }: StoredDeadLetter): string | undefined => rawKey?.toString('base64') ?? key;

function originalOf({ id, key, rawKey, body, headers, rawHeaders }: StoredDeadLetter, topic: string): OutgoingMessage {
  return {
    topic,
    key,
    rawKey,
    body,
    headers: { ...headers, [WIRE_HEADERS.id]: id },
    rawHeaders,
    id,
    partition: undefined,
    isRepeated: true,
  };
}

function ageOf(letters: readonly StoredDeadLetter[]): Pick<FingerprintCount, 'oldest' | 'newest'> {
  const moments = letters.flatMap(({ lastFailedAt }) => (lastFailedAt === undefined ? [] : [lastFailedAt]));
  const sorted = moments.sort((a, b) => a.getTime() - b.getTime());
  return { oldest: sorted[0], newest: sorted.at(-1) };
}

const withoutOrigin = ({ id }: StoredDeadLetter): TransportError =>
  new TransportError(
    'TRANSPORT_TOPIC_MISSING',
    `Dead letter ${id} does not record its original topic. Set one: replay(topic, { to: '...' }).`,
    { stored: 'no' },
  );

const withoutBody = ({ id, omittedBytes, originalTopic, originalOffset }: StoredDeadLetter): TransportError =>
  new TransportError(
    'TRANSPORT_MESSAGE_TOO_LARGE',
    `Dead letter ${id} cannot be replayed: its body of ${omittedBytes} bytes was too large to store with it. The original is in "${originalTopic}" at ${originalOffset ?? 'an unknown offset'}, for as long as that topic keeps it.`,
    { stored: 'no' },
  );

const overtaking = ({ id, key }: StoredDeadLetter): TransportError =>
  new TransportError(
    'TRANSPORT_PUBLISH_FAILED',
    `Dead letter ${id} was left: an earlier one with the same key "${key ?? ''}" could not be replayed, and this one would overtake it.`,
    { stored: 'no', retryable: true },
  );

const tooLate = ({ id }: StoredDeadLetter): TransportError =>
  new TransportError('TRANSPORT_CLOSED', `Dead letter ${id} was left: the application is shutting down.`, {
    stored: 'no',
  });

const taken = ({ id }: StoredDeadLetter) => ({
  id,
  error: new TransportError(
    'TRANSPORT_CLOSED',
    `Dead letter ${id} was left: another dead-letter admin has received it, or the broker revoked it because it was held too long.`,
    {
      retryable: true,
    },
  ),
});
