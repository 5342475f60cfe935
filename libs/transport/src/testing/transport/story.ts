import { isDeepStrictEqual } from 'node:util';
import { type Codec, type EventDefinition, type Headers } from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import type { Happening, MessageRecord } from './message-record.js';
import { storyOf } from './story-text.js';
import type { TestWorld } from './test-world.js';

/** A message that was published. */
export interface SeenMessage<Payload = unknown> {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | undefined;
  readonly headers: Headers;
  /** As a handler gets it before its schema. Undefined for a tombstone, and where the codec works asynchronously: see `body`. */
  readonly payload: Payload;
  readonly body: Buffer | null;
}

/** What one group did with a message. */
export interface SeenOutcome<Payload = unknown> extends SeenMessage<Payload> {
  readonly group: string;
  /** 1 on the first delivery. */
  readonly attempt: number;
  /** Virtual milliseconds since the start. */
  readonly atMs: number;
}

/** An attempt that failed and is followed by another. */
export interface SeenRetry<Payload = unknown> extends SeenOutcome<Payload> {
  readonly error: unknown;
  /** Virtual milliseconds until the next attempt. */
  readonly delayMs: number;
}

/** A message that was dead-lettered. */
export interface SeenDeadLetter<Payload = unknown> extends SeenOutcome<Payload> {
  readonly error: unknown;
  readonly deadLetterTopic: string;
}

/** A message that was settled unhandled, on purpose. */
export interface SeenDrop<Payload = unknown> extends SeenOutcome<Payload> {
  readonly reason: string;
}

/** An event, or the name of a topic. */
type Asked<In, Out, Answer> = EventDefinition<In, Out, Answer> | string;

/** What is needed of an event to find its messages. */
type Named = { readonly type: string; readonly topic: string; readonly codec?: Codec | undefined } | string;

/**
 * The trace of one message and everything it caused, or of all messages of a test transport. Query it, or use its
 * assertions: a failed assertion prints the whole trace.
 */
export class Story {
  readonly #world: TestWorld;
  readonly #records: () => readonly MessageRecord[];

  constructor(world: TestWorld, records: () => readonly MessageRecord[]) {
    this.#world = world;
    this.#records = records;
  }

  /** Returns the messages that the application published, oldest first; without those of the test, and without dead letters. */
  published<In, Out, Answer>(event?: Asked<In, Out, Answer>): readonly SeenMessage<In>[] {
    return this.#published(event).map((record) => seen<In>(record, event));
  }

  /** Returns the messages that were acked, one entry per group. */
  acked<In, Out, Answer>(event?: Asked<In, Out, Answer>): readonly SeenOutcome<In>[] {
    return this.#outcomes<In, 'acked'>(event, 'acked').map(([message, { group, attempt, atMs }]) => ({
      ...message,
      group,
      attempt,
      atMs,
    }));
  }

  /** Returns the attempts that failed and were retried. */
  retries<In, Out, Answer>(event?: Asked<In, Out, Answer>): readonly SeenRetry<In>[] {
    return this.#outcomes<In, 'retried'>(event, 'retried').map(([message, { what: _, ...rest }]) => ({
      ...message,
      ...rest,
    }));
  }

  /** Returns the dead-lettered messages. */
  deadLetters<In, Out, Answer>(event?: Asked<In, Out, Answer>): readonly SeenDeadLetter<In>[] {
    return this.#outcomes<In, 'dead-lettered'>(event, 'dead-lettered').map(([message, { what: _, ...rest }]) => ({
      ...message,
      ...rest,
    }));
  }

  /** Returns the messages that were dropped: by `Drop`, for an unhandled type, or as a discarded dead letter. */
  drops<In, Out, Answer>(event?: Asked<In, Out, Answer>): readonly SeenDrop<In>[] {
    return this.#outcomes<In, 'dropped'>(event, 'dropped').map(([message, { what: _, ...rest }]) => ({
      ...message,
      ...rest,
    }));
  }

  /** Asserts that every group acked every message for it, and that there was at least one. @throws Error with the whole trace */
  assertAcked(event?: Named): void {
    const records = this.#about(event).filter(({ groups, isDeadLetter }) => groups.length > 0 && !isDeadLetter);
    if (records.length === 0) this.#fail(`no message${ofEvent(event)} reached a subscription`);
    for (const { type, happenings, groups } of records) {
      const missing = groups.find((group) => !happenings.some((each) => each.what === 'acked' && each.group === group));
      if (missing !== undefined) this.#fail(`${type} was not acked by group "${missing}"`);
    }
  }

  /** Asserts a number of retries. @param times @default at least once @throws Error with the whole trace */
  assertRetried(event?: Named, times?: number): void {
    const { length } = this.#outcomes(event, 'retried');
    if (times === undefined ? length > 0 : length === times) return;
    this.#fail(
      `a retry${ofEvent(event)} was expected${times === undefined ? '' : ` ${times} times`}, and came ${length} times`,
    );
  }

  /** Asserts a dead letter. @param reason a part of the error's message @throws Error with the whole trace */
  assertDeadLettered(event?: Named, reason: string | RegExp = ''): void {
    const fits = (error: unknown): boolean =>
      typeof reason === 'string' ? String(error).includes(reason) : reason.test(String(error));
    if (this.#outcomes(event, 'dead-lettered').some(([, { error }]) => fits(error))) return;
    this.#fail(`a dead letter${ofEvent(event)}${reason === '' ? '' : ` because of ${String(reason)}`} was expected`);
  }

  /** @throws Error with the whole trace */
  assertDropped(event?: Named): void {
    if (this.#outcomes(event, 'dropped').length === 0) this.#fail(`a drop${ofEvent(event)} was expected`);
  }

  /** Asserts that the application published a message. @param part fields that its payload contains, deeply equal @throws Error with the whole trace */
  assertPublished<In, Out, Answer>(event: Asked<In, Out, Answer>, part: Partial<In> = {}): void {
    const published = this.published(event);
    if (published.some(({ payload }) => has(payload, part))) return;
    const what = Object.keys(part).length === 0 ? '' : ` with ${JSON.stringify(part)}`;
    const got = published.map(({ payload }) => JSON.stringify(payload)).join(', ') || 'none';
    this.#fail(`a published message${ofEvent(event)}${what} was expected, and there is ${got}`);
  }

  /** @throws Error with the whole trace */
  assertNotPublished(event: Named): void {
    const { length } = this.#published(event);
    if (length > 0) this.#fail(`no published message${ofEvent(event)} was expected, and there are ${length}`);
  }

  /** Returns the whole trace as text: each message, what each group did with it, and what it caused. */
  toString(): string {
    const all = this.#records();
    const first = all.filter(({ causes }) => !causes.some((cause) => all.includes(cause)));
    return first.map((record) => storyOf(record, this.#world)).join('\n') || 'Nothing was published.';
  }

  #published(event: Named | undefined): readonly MessageRecord[] {
    return this.#about(event).filter(({ isRoot, isDeadLetter }) => !isRoot && !isDeadLetter);
  }

  #about(event: Named | undefined): readonly MessageRecord[] {
    if (event === undefined) return this.#records();
    return this.#records().filter(({ message, type }) =>
      typeof event === 'string' ? message.topic === event : message.topic === event.topic && type === event.type,
    );
  }

  #outcomes<In, What extends Happening['what']>(event: Named | undefined, what: What) {
    return this.#about(event).flatMap((record) =>
      record.happenings
        .filter((each): each is Extract<Happening, { readonly what: What }> => each.what === what)
        .map((each) => [seen<In>(record, event), each] as const),
    );
  }

  #fail(what: string): never {
    const subscriptions = this.#world.readers.described.join(', ') || 'none';
    throw new Error(
      `${what}.${this.#world.replayHint} What happened:\n${this.toString()}\nSubscriptions: ${subscriptions}.`,
    );
  }
}

function seen<In>({ message, type }: MessageRecord, event: Named | undefined): SeenMessage<In> {
  const { id, topic, key, body, headers = {} } = message;
  return { id, topic, type, key, headers, payload: payloadOf(message, event) as In, body };
}

function payloadOf({ body, topic }: MessageRecord['message'], event: Named | undefined): unknown {
  if (body === null) return undefined;
  const codec = typeof event === 'object' ? (event.codec ?? jsonCodec) : jsonCodec;
  try {
    const payload = codec.decode(body, topic);
    return payload instanceof Promise ? undefined : payload;
  } catch {
    // Written by another codec: the bytes are there.
    return undefined;
  }
}

const has = (payload: unknown, part: object): boolean =>
  Object.entries(part).every(([name, value]) =>
    isDeepStrictEqual((Object(payload) as Record<string, unknown>)[name], value),
  );

const ofEvent = (event: Named | undefined): string =>
  event === undefined ? '' : ` of ${typeof event === 'string' ? `topic "${event}"` : event.type}`;
