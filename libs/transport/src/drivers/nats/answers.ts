import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import {
  WIRE_HEADERS,
  type Headers,
  type Clock,
  type OutgoingMessage,
  type Reply,
  type Requester,
  type TransportError,
} from '../../contract/index.js';
import { errorOf } from './client/failures.js';
import type { Link } from './client/link.js';
import { headersToWrite, readHeaders, wireText } from './mapping.js';
import { topicProblem } from './topology/names.js';
import type { ResolvedNatsOptions } from './options.js';

/** Headers of our own replies. A reply without them is a value, and the last one. */
const KIND_HEADER = 'reply-kind';
const ERROR_NAME_HEADER = 'reply-error-name';
const ERROR_CONTENT_HEADER = 'reply-error-content';

/** How the subjects of inboxes start, whatever the rest of `inboxPrefix` is. */
const INBOX = /^_INBOX[._-]/;

/** Publishes a request; resolves with the error if that fails. */
export type SendRequest = (message: OutgoingMessage, answerTo: string) => Promise<TransportError | undefined>;

/** A request that waits for its replies. */
interface Waiting {
  readonly topic: string;
  readonly onReply: (reply: Reply) => void;
  /** Stops the wait for a responder. The wait starts when a stream has acknowledged the request. */
  stopWait: () => void;
}

/** Sends requests and replies. A reply goes to the requester's inbox over core NATS, so a requester that has left does not get it. */
export class Answers implements Requester {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #sendRequest: SendRequest;
  readonly #waiting = new Map<string, Waiting>();
  #inbox = '';
  #connection: NatsConnection | undefined;
  #requested = 0;

  constructor(
    clock: Clock,
    link: Link,
    { inboxPrefix, requestTimeoutMs }: ResolvedNatsOptions,
    sendRequest: SendRequest,
  ) {
    this.#clock = clock;
    this.#link = link;
    this.#prefix = `${inboxPrefix}.`;
    this.#timeoutMs = requestTimeoutMs;
    this.#sendRequest = sendRequest;
  }

  async request(message: OutgoingMessage, onReply: (reply: Reply) => void): Promise<() => void> {
    this.#listen();
    const token = (this.#requested++).toString(36);
    this.#waiting.set(token, { topic: message.topic, onReply, stopWait: () => undefined });
    const stop = (): void => this.#forget(token);
    const error = await this.#sendRequest(message, `${this.#inbox}.${token}`);
    if (error === undefined) return stop;
    stop();
    throw error;
  }

  /**
   * Whether a reply may be sent to this address: only to an inbox, never to a topic that a foreign program has chosen.
   * Other services may have another `inboxPrefix`; none of them has a topic that starts like this.
   */
  isAddress(text: string | undefined): text is string {
    if (text === undefined) return false;
    if (text.startsWith(this.#prefix)) return topicProblem(`inbox.${text.slice(this.#prefix.length)}`) === undefined;
    return INBOX.test(text) && topicProblem(`inbox.${text}`) === undefined;
  }

  /** @throws TransportError `TRANSPORT_MESSAGE_TOO_LARGE` */
  send(address: string, reply: Reply): void {
    const headers = this.#link.newHeaders();
    headers.append(KIND_HEADER, kindOf(reply));
    if (reply.kind === 'error') {
      headers.append(ERROR_NAME_HEADER, wireText(reply.name));
      if (reply.content !== undefined) headers.append(ERROR_CONTENT_HEADER, wireText(reply.content));
    }
    const body = bodyOf(reply);
    this.#checkSize(body);
    this.#link.tell(address, body, { headers });
  }

  #checkSize({ length }: Uint8Array): void {
    const { maxMessageBytes } = this.#link;
    if (length <= maxMessageBytes) return;
    throw errorOf(
      'TRANSPORT_MESSAGE_TOO_LARGE',
      `a reply has ${length} bytes, the limit is ${maxMessageBytes}. Return less, or a reference to the data.`,
    );
  }

  /** A new connection has none of the subscriptions of the one before. */
  #listen(): void {
    const { connection } = this.#link;
    if (this.#connection === connection) return;
    this.#connection = connection;
    this.#inbox = this.#link.newInbox();
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        // The server denied the subscription: the next request subscribes again.
        else this.#connection = undefined;
      },
    });
  }

  #take(message: Msg): void {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return;
    const stream = ackedBy(message);
    if (stream !== undefined) return this.#waitForResponder(token, waiting, stream);
    waiting.stopWait();
    const reply = replyOf(message, waiting.topic);
    if (reply.kind !== 'value' || reply.last) this.#forget(token);
    waiting.onReply(reply);
  }

  /** The server reports "no responders" only if no stream holds the subject either. */
  #waitForResponder(token: string, waiting: Waiting, stream: string): void {
    waiting.stopWait();
    waiting.stopWait = this.#clock.schedule(this.#timeoutMs, () => {
      this.#forget(token);
      waiting.onReply(onlyStored(waiting.topic, stream, this.#timeoutMs));
    });
  }

  #forget(token: string): void {
    this.#waiting.get(token)?.stopWait();
    this.#waiting.delete(token);
  }
}

/** A stream that holds the subject of a request replies too, before any responder. JetStream's acks have no headers. */
function ackedBy(message: Msg): string | undefined {
  if (message.headers !== undefined) return undefined;
  try {
    const { stream, seq } = message.json<{ stream?: unknown; seq?: unknown } | null>() ?? {};
    return typeof stream === 'string' && typeof seq === 'number' ? stream : undefined;
  } catch {
    return undefined;
  }
}

const onlyStored = (topic: string, stream: string, waitedMs: number): Reply => ({
  kind: 'error',
  name: 'NoResponders',
  message: `only stream "${stream}" acknowledged the request to "${topic}", and no responder replied within ${waitedMs} ms (requestTimeoutMs). Start a responder, or remove mode: 'core' from nats() if it uses JetStream`,
});

/** Writes the headers of a message, and the address for its reply if NATS's own reply subject cannot carry it. */
export function encodeHeaders(headers: MsgHdrs, message: OutgoingMessage, answerTo?: string): MsgHdrs {
  for (const [name, value] of headersToWrite(message)) headers.append(name, value);
  if (answerTo !== undefined) headers.append(WIRE_HEADERS.replyTo, answerTo);
  return headers;
}

const kindOf = (reply: Reply): string => (reply.kind === 'value' && reply.last ? 'last' : reply.kind);

function bodyOf(reply: Reply): Buffer {
  if (reply.kind === 'value') return reply.body;
  return Buffer.from(reply.kind === 'error' ? reply.message : '');
}

function replyOf(message: Msg, topic: string): Reply {
  const { headers } = readHeaders(message);
  const body = Buffer.from(message.data);
  if (message.headers?.code === 503) {
    return { kind: 'error', name: 'NoResponders', message: `no responder is subscribed to "${topic}"` };
  }
  switch (headers[KIND_HEADER]) {
    case 'end':
      return { kind: 'end' };
    case 'error':
      return errorOfReply(headers, body.toString());
    default:
      return { kind: 'value', body, last: headers[KIND_HEADER] !== 'value' };
  }
}

function errorOfReply(headers: Headers, message: string): Reply {
  const content = headers[ERROR_CONTENT_HEADER];
  const known = content === undefined ? {} : { content };
  return { kind: 'error', name: headers[ERROR_NAME_HEADER] ?? 'Error', message, ...known };
}
