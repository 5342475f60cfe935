import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  isTransportError,
  restated,
  type BrokerHost,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
  type SendWindow,
  TransportError,
} from '../../../contract/index.js';
import { encodeHeaders } from '../answers.js';
import { checkMessage, messageTooLarge } from './check-message.js';
import { errorOf, JETSTREAM_ERROR } from '../client/failures.js';
import { HoldingStreams, holdsOnly } from '../topology/holding-streams.js';
import type { Link } from '../client/link.js';
import { deadLetterId, ID_HEADER } from '../mapping.js';
import type { ResolvedNatsOptions } from '../options.js';
import { PubAcks, type PubAnswer } from './pub-acks.js';
import { closedError, refusedError, uncertain, unknownError } from './publish-errors.js';
import { Schedules } from './schedules.js';
import type { Streams } from '../topology/streams.js';
import { scheduleHeaders, waitingSubjectOf } from '../topology/waiting-subjects.js';

/** Largest number of bytes in one call of `send`; the client and the server buffer them. */
const MAX_REQUEST_BYTES = 4_194_304;
/** Most attempts to publish while the outcome is unknown; the server detects duplicates by the id. */
const MAX_TRIES = 4;
/** A stream that exists and does not answer is electing a leader. */
const NOT_READY_PAUSE_MS = 250;

/** An id that is unique across the topics of a stream. */
const ownNameOf = ({ topic, id }: OutgoingMessage): string => `${topic}/${id}`;

/**
 * The server would drop a message that is sent again on purpose as a duplicate of its own id. A delayed message has left the
 * subject that the server knows by the time it is delivered, so a duplicate could not be compared there.
 */
function recognisedBy(message: OutgoingMessage): string {
  if (message.isRepeated === true) return `${message.id}/${randomUUID()}`;
  if (message.deliverAtMs !== undefined) return ownNameOf(message);
  return deadLetterId(message) ?? message.id;
}

/** Whether a stream holds a topic: `'created'` means just now; an error means that there is none and none can be created. */
type StreamState = 'there' | 'created' | 'unknown' | TransportError;
/** By topic, in one round. */
type Looks = Map<string, Promise<StreamState>>;

/** A message that is being published. */
interface Entry {
  readonly index: number;
  readonly message: OutgoingMessage;
  /** The id by which the server detects duplicates. */
  recognisedBy: string;
  tries: number;
  /** An attempt got no reply: the message may be stored. */
  isUncertain: boolean;
  /** Whether its stream was looked up after a silence: only once, because an unresponsive server costs another timeout. */
  isLookedFor: boolean;
  /** The subject where a delayed message waits; undefined for a message that goes to its topic at once. */
  waitsAt: string | undefined;
}

/** Publishes messages to JetStream in order, each acknowledged by the server. */
export class JetStreamPublisher implements Producer {
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #acks: PubAcks;
  readonly #clock: BrokerHost['clock'];
  readonly #schedules: Schedules;
  readonly #holding: HoldingStreams;
  readonly #checkedNames = new Set<string>();
  #closed = false;

  constructor(host: BrokerHost, link: Link, streams: Streams, options: ResolvedNatsOptions) {
    this.#link = link;
    this.#streams = streams;
    this.#acks = new PubAcks(host.clock, link, options.requestTimeoutMs);
    this.#clock = host.clock;
    this.#schedules = new Schedules(link, streams, options);
    this.#holding = new HoldingStreams(host.clock, link, streams);
  }

  get maxBytes(): number {
    return this.#link.maxMessageBytes;
  }

  check(message: OutgoingMessage): void {
    checkMessage(message, this.#checkedNames);
  }

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    return this.#send(messages, undefined, window);
  }

  /** Publishes a request; its replies go to the address. */
  async sendRequest(message: OutgoingMessage, answerTo: string): Promise<TransportError | undefined> {
    const [result] = await this.#send([message], answerTo);
    return isTransportError(result) ? result : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#acks.close();
  }

  async #send(
    messages: readonly OutgoingMessage[],
    answerTo: string | undefined,
    window?: SendWindow,
  ): Promise<readonly SendResult[]> {
    const results = new Array<SendResult>(messages.length);
    let open = messages.map((message, index): Entry => ({
      index,
      message,
      recognisedBy: recognisedBy(message),
      tries: 0,
      isUncertain: false,
      isLookedFor: false,
      waitsAt: undefined,
    }));
    while (open.length > 0) {
      if (this.#closed) open = this.#settle(open, results, ({ message, tries }) => closedError(message, tries));
      else if (!this.#link.isUp) open = await this.#withoutConnection(open, results);
      else open = await this.#round(open, results, answerTo, window);
    }
    return results;
  }

  /** Publishes all of them in order and waits for the acks. @returns those to publish again, in order */
  async #round(
    open: readonly Entry[],
    results: SendResult[],
    answerTo: string | undefined,
    window: SendWindow | undefined,
  ): Promise<Entry[]> {
    const entries = await this.#ready(open, results);
    // The client discards messages without a connection, and no ack would come.
    if (this.#closed || !this.#link.isUp) return entries;
    const publications = entries.map((entry) => () => this.#write(entry, answerTo));
    const answers = await this.#acks.publish(publications, (position, answer) =>
      reportStored(window, entries[position] as Entry, answer),
    );
    const again: Entry[] = [];
    const looks: Looks = new Map();
    let isBusy = false;
    for (const [position, entry] of entries.entries()) {
      const answer = answers[position] as PubAnswer;
      const result = await this.#resultOf(entry, answer, looks);
      if (result === 'again' || result === 'busy') again.push(entry);
      else results[entry.index] = result;
      isBusy ||= result === 'busy';
    }
    if (isBusy) await pause(NOT_READY_PAUSE_MS);
    return again;
  }

  /** Returns those that can be published; the others have their result. */
  async #ready(open: readonly Entry[], results: SendResult[]): Promise<Entry[]> {
    const kept = await this.#kept(open, results);
    return kept.some(({ message }) => message.deliverAtMs !== undefined) ? this.#placed(kept, results) : kept;
  }

  /** Returns those that their stream would keep. */
  async #kept(entries: readonly Entry[], results: SendResult[]): Promise<Entry[]> {
    const topics = new Map<string, TransportError | 'named by topic' | undefined>();
    for (const topic of new Set(entries.map(({ message }) => message.topic))) {
      const isNamedByTopic = await this.#forgetsTopics(topic);
      topics.set(topic, (await this.#holding.problemOf(topic)) ?? (isNamedByTopic ? 'named by topic' : undefined));
    }
    return entries.filter((entry) => {
      const { message, tries, index } = entry;
      const found = topics.get(message.topic);
      if (found instanceof TransportError) results[index] = tries > 0 ? unknownError(message, found.message) : found;
      else if (found !== undefined && tries === 0 && entry.recognisedBy === message.id)
        entry.recognisedBy = ownNameOf(message);
      return !(found instanceof TransportError);
    });
  }

  /**
   * A stream that deletes acked messages cannot tell later to which topic an id belongs. If it holds several topics, the topic
   * becomes part of the id.
   */
  async #forgetsTopics(topic: string): Promise<boolean> {
    const config = await this.#holding.of(topic);
    return config !== undefined && String(config.retention) !== 'limits' && !holdsOnly(config, topic);
  }

  /** Sets the subjects where delayed messages wait; a message without such a subject gets its result. */
  async #placed(entries: readonly Entry[], results: SendResult[]): Promise<Entry[]> {
    const placed: Entry[] = [];
    for (const entry of entries) {
      const problem = await this.#place(entry);
      if (problem === undefined) placed.push(entry);
      else results[entry.index] = problem;
    }
    return placed;
  }

  async #place(entry: Entry): Promise<TransportError | undefined> {
    const { message, recognisedBy, tries } = entry;
    const { topic, deliverAtMs = 0 } = message;
    const waitMs = deliverAtMs - this.#clock.now();
    entry.waitsAt = undefined;
    if (waitMs <= 0) return undefined;
    try {
      entry.waitsAt = waitingSubjectOf(await this.#schedules.streamFor(topic, waitMs), recognisedBy);
      return undefined;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return tries > 0 ? unknownError(message, error.message) : restated(error, { topic, stored: 'no' });
    }
  }

  #write(
    entry: Entry,
    answerTo: string | undefined,
  ): { subject: string; payload: Uint8Array; headers: ReturnType<Link['newHeaders']> } {
    const { message, recognisedBy, waitsAt = message.topic } = entry;
    entry.tries++;
    const headers = encodeHeaders(this.#link.newHeaders(), message, answerTo);
    if (recognisedBy !== message.id) {
      headers.set(ID_HEADER, recognisedBy);
      headers.set('message-id', message.id);
    }
    if (entry.waitsAt !== undefined) {
      for (const [name, value] of scheduleHeaders(message.topic, message.deliverAtMs ?? 0)) headers.set(name, value);
    }
    return { subject: waitsAt, payload: message.body ?? NO_BODY, headers };
  }

  /** Returns `'again'` to publish at once, `'busy'` to publish after a pause. */
  async #resultOf(entry: Entry, answer: PubAnswer, looks: Looks): Promise<SendResult | 'again' | 'busy'> {
    const { message, tries } = entry;
    switch (answer.kind) {
      case 'stored':
        return answer.duplicate ? this.#afterDuplicate(entry, answer) : receiptOf(entry, answer.sequence);
      case 'refused':
        return knownOf(entry, this.#afterRefusal(entry, answer));
      case 'unwritten':
        return knownOf(entry, this.#unwritten(message, answer.error));
      case 'nobody':
        return this.#afterNobody(entry, looks);
      case 'silent':
        return this.#afterSilence(entry, answer.why, looks);
      case 'unknown':
        entry.isUncertain = true;
        return tries < MAX_TRIES ? 'again' : unknownError(message, answer.why);
    }
  }

  /**
   * The server has stored a message with this id before: this one, if its ack was lost, or another one if the publisher reuses ids.
   * The server compares ids over the whole stream, and an equal id on another topic must not lose a message.
   */
  async #afterDuplicate(entry: Entry, { stream, sequence }: { readonly stream: string; readonly sequence: number }) {
    const { message } = entry;
    if (entry.recognisedBy !== message.id) return receiptOf(entry, sequence);
    const config = await this.#holding.of(message.topic);
    // The message may have been handled and deleted, or this user may not read it.
    if (config?.name === stream && holdsOnly(config, message.topic)) return receiptOf(entry, sequence);
    const stored = await this.#link
      .ask('cannot read a stored message', (manager) => manager.streams.getMessage(stream, { seq: sequence }))
      .catch(() => undefined);
    if (stored?.subject === message.topic) return receiptOf(entry, sequence);
    entry.recognisedBy = ownNameOf(message);
    return 'again';
  }

  /** The stream may have been recreated without schedules since it was read. */
  #afterRefusal(entry: Entry, answer: PubAnswer & { kind: 'refused' }): TransportError | 'again' {
    const { message, waitsAt, tries } = entry;
    const isOfSchedule = waitsAt !== undefined && SCHEDULE_REFUSALS.includes(answer.code);
    if (!isOfSchedule || tries >= MAX_TRIES) return refusedError(message, answer);
    this.#schedules.forget(message.topic);
    return 'again';
  }

  /** No stream has answered for the topic: there is none, or it has no leader at the moment. */
  async #afterNobody(entry: Entry, looks: Looks): Promise<TransportError | 'again' | 'busy'> {
    const { message, tries } = entry;
    const { topic } = message;
    const state = await this.#lookFor(topic, looks);
    if (state === 'created' || state instanceof TransportError) return afterMissing(entry, state);
    if (tries < MAX_TRIES) return 'busy';
    const text = `cannot publish to "${topic}": its stream does not answer. It may be electing a leader; publish again later.`;
    const error = errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true });
    return knownOf(entry, error);
  }

  /** If there is no stream, nothing was stored. */
  async #afterSilence(entry: Entry, why: string, looks: Looks): Promise<TransportError | 'again'> {
    const { message, tries, isLookedFor } = entry;
    entry.isLookedFor = true;
    entry.isUncertain = true;
    const state = isLookedFor ? 'unknown' : await this.#lookFor(message.topic, looks);
    if (state instanceof TransportError) return afterMissing(entry, state);
    return tries < MAX_TRIES ? 'again' : unknownError(message, why);
  }

  /** Looks up the stream once for all messages of a round. */
  #lookFor(topic: string, looks: Looks): Promise<StreamState> {
    const state = looks.get(topic) ?? this.#findOrCreate(topic);
    looks.set(topic, state);
    return state;
  }

  async #findOrCreate(topic: string): Promise<StreamState> {
    this.#schedules.forget(topic);
    this.#holding.forget(topic);
    // If the server does not say, the state is unknown, and the publish is retried until its timeout.
    const found = await this.#streams.find(topic).catch(() => undefined);
    if (found === undefined) return 'unknown';
    if (found.length > 0) return 'there';
    return this.#streams.holding(topic).then(
      () => 'created' as const,
      (error: unknown) => error as TransportError,
    );
  }

  /** Messages that were never written fail and can be sent later; for the others, the publisher waits for the connection. */
  async #withoutConnection(entries: readonly Entry[], results: SendResult[]): Promise<Entry[]> {
    const written = entries.filter(({ tries }) => tries > 0);
    const fresh = entries.filter(({ tries }) => tries === 0);
    this.#settle(fresh, results, ({ message }) => this.#notWritten(message, this.#link.problem));
    if (written.length === 0 || (await this.#acks.untilUp())) return written;
    return this.#settle(written, results, ({ message }) =>
      unknownError(message, 'the connection broke and has not come back'),
    );
  }

  #unwritten(message: OutgoingMessage, error: unknown): TransportError {
    return isTooLarge(error) ? messageTooLarge(message, this.maxBytes) : this.#notWritten(message, error);
  }

  #notWritten({ topic }: OutgoingMessage, cause: unknown): TransportError {
    const text = `cannot publish to "${topic}": not connected to ${this.#link.addresses}. Nothing was stored.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true, cause });
  }

  #settle(entries: readonly Entry[], results: SendResult[], resultOf: (entry: Entry) => SendResult): Entry[] {
    for (const entry of entries) results[entry.index] = resultOf(entry);
    return [];
  }
}

function afterMissing(
  { message: { topic }, tries }: Entry,
  state: 'created' | TransportError,
): TransportError | 'again' {
  if (state === 'created') {
    if (tries < MAX_TRIES) return 'again';
    const text = `cannot publish to "${topic}": its stream was created, and it does not answer. Publish again later.`;
    return errorOf('TRANSPORT_TOPIC_MISSING', text, { topic, stored: 'no', retryable: true });
  }
  return restated(state, { topic, stored: 'no' });
}

const knownOf = <Result>({ isUncertain }: Entry, result: Result): Result | TransportError =>
  isUncertain && result instanceof TransportError ? uncertain(result) : result;

const SCHEDULE_REFUSALS: readonly number[] = [JETSTREAM_ERROR.schedulesDisabled, JETSTREAM_ERROR.scheduleTargetInvalid];
const NO_BODY = new Uint8Array(0);

/** The offset of a waiting message is not the one it will have in its topic. */
const receiptOf = ({ message: { id, topic }, waitsAt }: Entry, sequence: number): PublishReceipt => ({
  id,
  topic,
  partition: undefined,
  offset: waitsAt === undefined ? String(sequence) : undefined,
});

const isTooLarge = (error: unknown): boolean => /max_payload/.test((error as Error).message);

/** Reports a stored message at once. A duplicate is checked first, because it may be another message. */
function reportStored(window: SendWindow | undefined, entry: Entry, answer: PubAnswer): void {
  if (answer.kind === 'stored' && !answer.duplicate) window?.stored(entry.index, receiptOf(entry, answer.sequence));
}
