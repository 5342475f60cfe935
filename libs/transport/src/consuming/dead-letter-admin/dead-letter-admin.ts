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

/** Which dead letters of a topic. */
export interface DeadLetterSelection {
  /** Those of these ids. @default all */
  readonly ids?: readonly string[];
  /** Those whose error has this fingerprint, as `count` tells it. @default all */
  readonly fingerprint?: string;
  /** At most so many are read from the topic. Integer >= 1. @default 1000 */
  readonly limit?: number;
}

/** How dead letters go back to where they came from. */
export interface ReplayOptions extends DeadLetterSelection {
  /** At most so many a second, so that a cured service is not flooded. Integer >= 1. @default no limit */
  readonly ratePerSecond?: number;
  /** Another topic than the one each came from. @default the original topic */
  readonly to?: string;
  /** Tells what would be done, and does nothing. @default false */
  readonly dryRun?: boolean;
  /** Called after each letter: how many were dealt with, of how many. @default none */
  readonly onProgress?: (dealtWith: number, of: number) => void;
}

/** What a replay or a discard did. */
export interface DeadLetterReport {
  /** Ids, in the order in which they were dealt with. */
  readonly done: readonly string[];
  /** Left where they are, each with the reason. */
  readonly left: readonly { readonly id: string; readonly error: TransportError }[];
}

/** How many dead letters have one fingerprint. */
export interface FingerprintCount {
  readonly fingerprint: string;
  /** How many were found, not how many failed in all: what was replayed or discarded is gone. */
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

/** How many letters are read where no `limit` is given. */
export const DEAD_LETTER_LIMIT = 1_000;

/**
 * Works with dead letters, on every broker alike: reads them, counts them by their cause, sends them back, throws them away.
 *
 * It reads as a group of its own, `dead-letter-admin` (on Kafka `dead-letter-admin.<topic>`): what it has replayed or discarded
 * is settled there and not shown again, what it only showed stays. Readers of different topics do not disturb each other; two
 * that read one topic at once share its letters.
 */
export class DeadLetterAdmin {
  readonly #connection: BrokerConnection;
  readonly #host: BrokerHost;
  readonly #ending: AbortSignal;

  /** @param ending aborted when the application ends: what the dead-letter admin is at then ends as well. @default never */
  constructor(connection: BrokerConnection, host: BrokerHost, ending: AbortSignal = new AbortController().signal) {
    this.#connection = connection;
    this.#host = host;
    this.#ending = ending;
  }

  /**
   * The letters of a dead-letter topic, oldest first where the broker keeps order: up to the end that it has now on Kafka and
   * memory, elsewhere until none has come for a second.
   * @throws TransportError `TRANSPORT_READING_INCOMPLETE` when the broker is there and gives nothing for 30 seconds before that
   *   end; so do the others, before they have done anything
   */
  list(topic: string, selection: DeadLetterSelection = {}): Promise<readonly StoredDeadLetter[]> {
    checkOptions('list', selection, SELECTION_RULES);
    return this.#read(topic, selection, (_, letters) => Promise.resolve(letters));
  }

  /** How many letters there are of each cause, most first. */
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
   * Publishes the originals again, one after the other and so in the order of their keys, with their ids, keys, headers and
   * bytes. A letter is settled when its original is stored: a crash between gives two, never none. Every group of the original topic
   * gets it; those that have handled it know it by its id.
   */
  replay(topic: string, options: ReplayOptions = {}): Promise<DeadLetterReport> {
    checkOptions('replay', options, REPLAY_RULES);
    refuseHalfSaid('replay', options);
    return this.#read(topic, options, (reading, letters) => this.#replayAll(reading, letters, options));
  }

  /** Settles letters for good. They can only be read again from the broker itself. */
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
      const wantedIds = ids && new Set(ids);
      const wanted = reading.letters.filter(
        (letter) =>
          (wantedIds === undefined || wantedIds.has(letter.id)) &&
          (fingerprint === undefined || letter.fingerprint === fingerprint),
      );
      return await work(reading, wanted);
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
      // n.b. what follows a letter that could not be sent back would overtake it.
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
    // n.b. when somebody else has it by now, it is stored twice rather than never.
    reading.settle(letter);
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#host.clock.schedule(ms, resolve));
  }
}

/** n.b. `{ fingerprint: found?.fingerprint }` of something that was not found would otherwise take all of them. */
function refuseHalfSaid(what: string, selection: DeadLetterSelection): void {
  for (const name of ['ids', 'fingerprint'] as const) {
    if (!Object.hasOwn(selection, name) || selection[name] !== undefined) continue;
    throw new TransportError(
      'TRANSPORT_OPTION_INVALID',
      `${what}: ${name} is undefined. Say which dead letters are meant, or leave ${name} out for all of them.`,
    );
  }
}

/** n.b. keys that are not valid UTF-8 may look the same as text. */
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
    `Dead letter ${id} does not say which topic it came from. Name one: replay(topic, { to: '...' }).`,
    { stored: 'no' },
  );

const withoutBody = ({ id, omittedBytes, originalTopic, originalOffset }: StoredDeadLetter): TransportError =>
  new TransportError(
    'TRANSPORT_MESSAGE_TOO_LARGE',
    `Dead letter ${id} cannot be replayed: it was stored without its body of ${omittedBytes} bytes, which was too large together with the failure. The original is in "${originalTopic}" at ${originalOffset ?? 'a place its broker does not name'}, as long as that topic keeps it.`,
    { stored: 'no' },
  );

const overtaking = ({ id, key }: StoredDeadLetter): TransportError =>
  new TransportError(
    'TRANSPORT_PUBLISH_FAILED',
    `Dead letter ${id} was left: one before it of the same key "${key ?? ''}" could not be sent back, and it would overtake it.`,
    { stored: 'no', retryable: true },
  );

const tooLate = ({ id }: StoredDeadLetter): TransportError =>
  new TransportError('TRANSPORT_CLOSED', `Dead letter ${id} was left: the application ends.`, { stored: 'no' });

const taken = ({ id }: StoredDeadLetter) => ({
  id,
  error: new TransportError(
    'TRANSPORT_CLOSED',
    `Dead letter ${id} was left: another dead-letter admin has it by now, or the broker took it back, as it was held for long.`,
    {
      retryable: true,
    },
  ),
});
