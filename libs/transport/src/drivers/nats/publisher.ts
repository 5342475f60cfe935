import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  isTransportError,
  type BrokerHost,
  type OutgoingMessage,
  type Producer,
  type PublishReceipt,
  type SendResult,
  type TransportError,
} from '../../contract/index.js';
import { encodeHeaders } from './answers.js';
import { checkMessage, messageTooLarge } from './check-message.js';
import { errorOf } from './failures.js';
import type { Link } from './link.js';
import { ID_HEADER } from './mapping.js';
import type { ResolvedNatsOptions } from './options.js';
import { PubAcks, type PubAnswer } from './pub-acks.js';
import type { Streams } from './streams.js';

/** One call of `send` may be so large; the client and the server buffer it. */
const MAX_REQUEST_BYTES = 4_194_304;
/** How often a message is written while nobody knows whether it was stored; the server recognises it by its id. */
const MAX_TRIES = 4;
/** A stream that is there and does not answer is choosing a leader. */
const NOT_READY_PAUSE_MS = 250;

/** n.b. by the message's own id the server would drop what is sent again on purpose. */
const recognisedBy = ({ id, isRepeated }: OutgoingMessage): string =>
  isRepeated === true ? `${id}/${randomUUID()}` : id;

/** A message on its way, and how often it was written. */
interface Entry {
  readonly index: number;
  readonly message: OutgoingMessage;
  /** What the server recognises it by. */
  recognisedBy: string;
  tries: number;
}

/** Stores messages in JetStream, in order, each confirmed by the server. */
export class JetStreamPublisher implements Producer {
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #acks: PubAcks;
  readonly #checkedNames = new Set<string>();
  #closed = false;

  constructor(host: BrokerHost, link: Link, streams: Streams, options: ResolvedNatsOptions) {
    this.#link = link;
    this.#streams = streams;
    this.#acks = new PubAcks(host.clock, link, options.requestTimeoutMs);
  }

  get maxBytes(): number {
    return this.#link.maxMessageBytes;
  }

  check(message: OutgoingMessage): void {
    checkMessage(message, this.#checkedNames);
  }

  send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    return this.#send(messages, undefined);
  }

  /** Stores a request; its answers go to the address. */
  async sendRequest(message: OutgoingMessage, answerTo: string): Promise<TransportError | undefined> {
    const [result] = await this.#send([message], answerTo);
    return isTransportError(result) ? result : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#acks.close();
  }

  async #send(messages: readonly OutgoingMessage[], answerTo: string | undefined): Promise<readonly SendResult[]> {
    const results = new Array<SendResult>(messages.length);
    let open = messages.map((message, index): Entry => ({
      index,
      message,
      recognisedBy: recognisedBy(message),
      tries: 0,
    }));
    while (open.length > 0) {
      if (this.#closed) open = this.#settle(open, results, (entry) => closedError(entry));
      else if (!this.#link.isUp) open = await this.#withoutConnection(open, results);
      else open = await this.#round(open, results, answerTo);
    }
    return results;
  }

  /** Writes all of them, in order, and waits for the answers; what has to be written again is returned, in order. */
  async #round(entries: readonly Entry[], results: SendResult[], answerTo: string | undefined): Promise<Entry[]> {
    const answers = await this.#acks.publish(entries.map((entry) => () => this.#write(entry, answerTo)));
    const again: Entry[] = [];
    let isBusy = false;
    for (const [position, entry] of entries.entries()) {
      const answer = answers[position] as PubAnswer;
      const result = await this.#resultOf(entry, answer);
      if (result === 'again' || result === 'busy') again.push(entry);
      else results[entry.index] = result;
      isBusy ||= result === 'busy';
    }
    if (isBusy) await pause(NOT_READY_PAUSE_MS);
    return again;
  }

  #write(
    entry: Entry,
    answerTo: string | undefined,
  ): { subject: string; payload: Uint8Array; headers: ReturnType<Link['newHeaders']> } {
    const { message, recognisedBy } = entry;
    entry.tries++;
    const headers = encodeHeaders(this.#link.newHeaders(), message, answerTo);
    if (recognisedBy !== message.id) {
      headers.set(ID_HEADER, recognisedBy);
      headers.set('message-id', message.id);
    }
    return { subject: message.topic, payload: message.body ?? NO_BODY, headers };
  }

  /** `'again'`: to be written again; `'busy'`: after a pause. */
  async #resultOf(entry: Entry, answer: PubAnswer): Promise<SendResult | 'again' | 'busy'> {
    const { message } = entry;
    switch (answer.kind) {
      case 'stored':
        return answer.duplicate ? this.#afterDuplicate(entry, answer) : receiptOf(message, answer.sequence);
      case 'refused':
        return refusedError(message, answer);
      case 'unwritten':
        return isTooLarge(answer.error)
          ? messageTooLarge(message, this.maxBytes)
          : this.#notWritten(message, answer.error);
      case 'nobody':
        return this.#afterNobody(entry);
      case 'unknown':
        return entry.tries < MAX_TRIES ? 'again' : unknownError(message, answer.why);
    }
  }

  /**
   * The server has stored a message of this id before: this one, when an answer was lost, or the publisher says its ids twice.
   * n.b. it looks at ids of the whole stream: the same id on another topic of it must not cost a message.
   */
  async #afterDuplicate(entry: Entry, { stream, sequence }: { readonly stream: string; readonly sequence: number }) {
    const { message } = entry;
    const own = `${message.topic}/${message.id}`;
    if (entry.recognisedBy === own) return receiptOf(message, sequence);
    const stored = await this.#link
      .ask('cannot look at a message', (manager) => manager.streams.getMessage(stream, { seq: sequence }))
      .catch(() => undefined);
    if (stored?.subject === message.topic) return receiptOf(message, sequence);
    entry.recognisedBy = own;
    return 'again';
  }

  /** No stream has answered for the topic: there is none, or it has no leader in this moment. */
  async #afterNobody(entry: Entry): Promise<TransportError | 'again' | 'busy'> {
    const { message, tries } = entry;
    const { topic } = message;
    const found = await this.#streams.find(topic).catch(() => undefined);
    if (found?.length === 0) return this.#makeStream(message, tries);
    if (tries < MAX_TRIES) return 'busy';
    const text = `cannot publish to "${topic}": its stream does not answer.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true });
  }

  async #makeStream({ topic }: OutgoingMessage, tries: number): Promise<TransportError | 'again'> {
    try {
      await this.#streams.holding(topic);
      if (tries < MAX_TRIES) return 'again';
      return errorOf('TRANSPORT_TOPIC_MISSING', `no stream answers for "${topic}".`, {
        topic,
        stored: 'no',
        retryable: true,
      });
    } catch (error) {
      const { code, message, retryable } = error as TransportError;
      return errorOf(code, message, { topic, stored: 'no', retryable, cause: error });
    }
  }

  /** What was never written is given back, to be sent later; for what was, the connection is waited for. */
  async #withoutConnection(entries: readonly Entry[], results: SendResult[]): Promise<Entry[]> {
    const written = entries.filter(({ tries }) => tries > 0);
    const fresh = entries.filter(({ tries }) => tries === 0);
    this.#settle(fresh, results, ({ message }) => this.#notWritten(message, this.#link.problem));
    if (written.length === 0 || (await this.#acks.untilUp())) return written;
    return this.#settle(written, results, ({ message }) =>
      unknownError(message, 'the connection broke and is not back'),
    );
  }

  #notWritten({ topic }: OutgoingMessage, cause: unknown): TransportError {
    const text = `cannot publish to "${topic}": there is no connection to ${this.#link.addresses}.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true, cause });
  }

  #settle(entries: readonly Entry[], results: SendResult[], resultOf: (entry: Entry) => SendResult): Entry[] {
    for (const entry of entries) results[entry.index] = resultOf(entry);
    return [];
  }
}

const NO_BODY = new Uint8Array(0);

const receiptOf = ({ id, topic }: OutgoingMessage, sequence: number): PublishReceipt => ({
  id,
  topic,
  partition: undefined,
  offset: String(sequence),
});

const isTooLarge = (error: unknown): boolean => /max_payload/.test((error as Error).message);

function closedError({ message: { topic }, tries }: Entry): TransportError {
  const stored = tries === 0 ? 'no' : 'unknown';
  return errorOf('TRANSPORT_CLOSED', `cannot publish to "${topic}": the connection is closed.`, { topic, stored });
}

const unknownError = ({ topic }: OutgoingMessage, why: string): TransportError =>
  errorOf('TRANSPORT_PUBLISH_UNKNOWN', `cannot publish to "${topic}": ${why}. The message may have been stored.`, {
    topic,
    stored: 'unknown',
    retryable: true,
  });

function refusedError(
  { topic }: OutgoingMessage,
  { code, status, text }: PubAnswer & { kind: 'refused' },
): TransportError {
  const what = `cannot publish to "${topic}": ${text} (JetStream's number ${code}).`;
  if (code === 10054) {
    return errorOf('TRANSPORT_MESSAGE_TOO_LARGE', `${what} Raise the stream's max_msg_size, or send less.`, {
      topic,
      stored: 'no',
    });
  }
  if (code === 0) return errorOf('TRANSPORT_AUTHORIZATION_FAILED', `${what}`, { topic, stored: 'no' });
  return errorOf('TRANSPORT_PUBLISH_FAILED', what, { topic, stored: 'no', retryable: status === 503 });
}
