import {
  requireCapabilities,
  type TransportError,
  WIRE_HEADERS,
  DEAD_LETTER_HEADERS,
  type BrokerHost,
  type OutgoingMessage,
  type Producer,
  type SendResult,
  type SendWindow,
} from '../../../contract/index.js';
import { BARE_CAPABILITIES } from '../capabilities.js';
import { NsqError, type NsqProducer } from '../client/index.js';
import { wrap } from './envelope.js';
import { checkTopicName, errorOf, sendError } from '../mapping.js';
import { MpubRun, type Entry } from './mpub-run.js';
import type { ResolvedNsqOptions } from '../options.js';

/** Stores messages: those that wait for one topic in one MPUB, or two, each confirmed by nsqd's OK, all or none. */
export class NsqPublisher implements Producer {
  readonly maxBytes: number;
  readonly maxRequestBytes: number;
  readonly #host: BrokerHost;
  readonly #producer: NsqProducer;
  readonly #options: ResolvedNsqOptions;
  /** As they will be stored: made when a message is checked, used when it is sent. */
  readonly #stored = new WeakMap<OutgoingMessage, Buffer>();
  #closed = false;

  constructor(host: BrokerHost, producer: NsqProducer, options: ResolvedNsqOptions) {
    this.#host = host;
    this.#producer = producer;
    this.#options = options;
    this.maxBytes = options.maxMessageBytes;
    this.maxRequestBytes = options.maxRequestBytes;
  }

  /** n.b. the size as well: what the envelope adds is the driver's to know, and binary bodies grow by a third. */
  check(message: OutgoingMessage): void {
    checkTopicName(message.topic, 'no');
    if (this.#options.envelope === 'none') refuseWhatIsLost(message);
    const stored = this.#encode(message);
    const tooLarge = this.#tooLarge(message, stored);
    if (tooLarge !== undefined) throw tooLarge;
    this.#stored.set(message, stored);
  }

  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]> {
    return new MpubRun(messages, window, {
      prepare: (message) => this.#prepare(message),
      request: (entries) => this.#request(entries),
      maxRequestBytes: this.#options.maxRequestBytes,
    }).run();
  }

  /** Stores nothing from now on. */
  close(): void {
    this.#closed = true;
  }

  #prepare(message: OutgoingMessage): Buffer | TransportError {
    const { topic } = message;
    if (this.#closed) {
      const text = `a message for "${topic}" was not sent: the connection is closed.`;
      return errorOf('TRANSPORT_CLOSED', text, { topic, stored: 'no' });
    }
    try {
      checkTopicName(topic, 'no');
    } catch (error) {
      return error as TransportError;
    }
    const stored = this.#stored.get(message) ?? this.#encode(message);
    return this.#bareIfNeeded(message, stored) ?? this.#tooLarge(message, stored) ?? stored;
  }

  #encode(message: OutgoingMessage): Buffer {
    const isBare = this.#options.envelope === 'none' && !isDeadLetter(message);
    if (isBare) return message.body ?? EMPTY;
    return wrap(message, this.#host.service, this.#host.clock.now());
  }

  /** The original of a dead letter fitted without the reason: it is kept without it, rather than not at all. */
  #bareIfNeeded(message: OutgoingMessage, stored: Buffer): Buffer | undefined {
    const { body } = message;
    const needed = stored.length > this.#options.maxMessageBytes && isDeadLetter(message);
    return needed && body !== null && body.length <= this.#options.maxMessageBytes ? body : undefined;
  }

  #tooLarge({ topic, body }: OutgoingMessage, stored: Buffer): TransportError | undefined {
    const { maxMessageBytes } = this.#options;
    if (stored.length <= maxMessageBytes && stored.length > 0) return undefined;
    const text =
      stored.length === 0
        ? `a message for "${topic}" has an empty body, which nsqd refuses, and envelope: 'none' has nothing else.`
        : `a message for "${topic}" has ${stored.length} bytes as it would be stored (body ${body?.length ?? 0}), the limit is ${maxMessageBytes} (maxMessageBytes). Send less, or a reference to where the data is.`;
    return errorOf(stored.length === 0 ? 'TRANSPORT_PUBLISH_FAILED' : 'TRANSPORT_MESSAGE_TOO_LARGE', text, {
      topic,
      stored: 'no',
    });
  }

  async #request(entries: readonly Entry[]): Promise<TransportError | undefined> {
    const { topic } = (entries[0] as Entry).message;
    const bodies = entries.map(({ stored }) => stored);
    try {
      if (bodies.length === 1) await this.#producer.publish(topic, bodies[0] as Buffer);
      else await this.#producer.publishAll(topic, bodies);
      return undefined;
    } catch (error) {
      if (!(error instanceof NsqError)) throw error;
      return this.#errorOf(error, topic, entries.length);
    }
  }

  #errorOf(failure: NsqError, topic: string, messages: number): TransportError {
    if (!this.#closed || failure.stored === 'unknown') return sendError(failure, topic, messages);
    const text = `a message for "${topic}" was not sent: the connection is closed.`;
    return errorOf('TRANSPORT_CLOSED', text, { topic, stored: 'no', cause: failure });
  }
}

const EMPTY = Buffer.alloc(0);

const isDeadLetter = ({ headers }: OutgoingMessage): boolean => headers?.[DEAD_LETTER_HEADERS.topic] !== undefined;

/** Without an envelope the id goes too: nsqd gives each message its own. */
const BARE_HEADERS: ReadonlySet<string> = new Set([WIRE_HEADERS.id, WIRE_HEADERS.contentType]);

function refuseWhatIsLost({ topic, key, headers }: OutgoingMessage): void {
  const lost = Object.keys(headers ?? {}).find((name) => !BARE_HEADERS.has(name));
  if (key === undefined && lost === undefined) return;
  const what = key === undefined ? `header "${lost}"` : 'a key';
  const remedy =
    "With envelope: 'none' there is only the body; take the default, envelope: 'cloudevents', or leave it out.";
  const broker = { driver: 'nsq', capabilities: BARE_CAPABILITIES };
  requireCapabilities(broker, ['headers'], `publish to "${topic}" with ${what}`, remedy);
}
