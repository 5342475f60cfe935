import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PermissionViolationError } from '@nats-io/transport-node';
import type { OutgoingMessage, Producer, PublishReceipt, SendResult, TransportError } from '../../../contract/index.js';
import { encodeHeaders } from '../answers.js';
import { checkMessage, messageTooLarge } from './check-message.js';
import { errorOf } from '../client/failures.js';
import type { Link, LinkListener } from '../client/link.js';

const MAX_REQUEST_BYTES = 4_194_304;
const NO_BODY = new Uint8Array(0);

/** Publishes messages through core NATS, which delivers them to current subscribers and stores nothing. */
export class CorePublisher implements Producer, LinkListener {
  readonly maxRequestBytes = MAX_REQUEST_BYTES;
  readonly #link: Link;
  readonly #checkedNames = new Set<string>();
  readonly #sending = new Set<Map<string, Error>>();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(link: Link) {
    this.#link = link;
    this.#stopListening = link.listen(this);
  }

  get maxBytes(): number {
    return this.#link.maxMessageBytes;
  }

  check(message: OutgoingMessage): void {
    checkMessage(message, this.#checkedNames);
  }

  linkUp(): void {}

  linkDown(): void {}

  refused(subject: string, error: Error): void {
    if ((error as PermissionViolationError).operation !== 'publish') return;
    for (const refusals of this.#sending) refusals.set(subject, error);
  }

  /** Publishes messages. A receipt says that the server has accepted the message, not that anybody received it. */
  async send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const { results, broken } = await this.#sendAll(messages, undefined);
    return results.map((result) =>
      result instanceof Error || broken === undefined ? result : unknownError(result, broken.cause),
    );
  }

  /** Sends a request. A missing responder is reported in the reply, and a reply may still come after an outage. */
  async sendRequest(message: OutgoingMessage, answerTo: string): Promise<TransportError | undefined> {
    const { results } = await this.#sendAll([message], answerTo);
    return results[0] instanceof Error ? results[0] : undefined;
  }

  async #sendAll(messages: readonly OutgoingMessage[], reply: string | undefined) {
    const refusals = new Map<string, Error>();
    this.#sending.add(refusals);
    const written = messages.map((message) => this.#write(message, reply));
    const broken = written.every((result) => result instanceof Error) ? undefined : await this.#flush();
    this.#sending.delete(refusals);
    const results = written.map((result) => {
      const refusal = result instanceof Error ? undefined : refusals.get(result.topic);
      return refusal === undefined ? result : refusedError(result as PublishReceipt, refusal);
    });
    return { results, broken };
  }

  /** The server reports a denied permission before it answers the flush; the client passes it on a few microtasks later. */
  async #flush(): Promise<{ readonly cause: unknown } | undefined> {
    try {
      await this.#link.connection.flush();
      await nextTurn();
      return undefined;
    } catch (cause) {
      return { cause };
    }
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
  }

  #write(message: OutgoingMessage, reply: string | undefined): PublishReceipt | TransportError {
    const { topic, id, body } = message;
    if (this.#closed) {
      return errorOf('TRANSPORT_CLOSED', `cannot publish to "${topic}": the connection is closed.`, {
        topic,
        stored: 'no',
      });
    }
    if (!this.#link.isUp) return this.#notWritten(topic, this.#link.problem);
    try {
      const headers = encodeHeaders(this.#link.newHeaders(), message);
      this.#link.publish(topic, body ?? NO_BODY, { headers, ...(reply === undefined ? {} : { reply }) });
    } catch (error) {
      if (/max_payload/.test((error as Error).message)) return messageTooLarge(message, this.maxBytes);
      return this.#notWritten(topic, error);
    }
    return { id, topic, partition: undefined, offset: undefined };
  }

  #notWritten(topic: string, cause: unknown): TransportError {
    const text = `cannot publish to "${topic}": not connected to ${this.#link.addresses}. Nothing was stored.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true, cause });
  }
}

const refusedError = ({ topic }: PublishReceipt, cause: Error): TransportError =>
  errorOf(
    'TRANSPORT_AUTHORIZATION_FAILED',
    `cannot publish to "${topic}": ${cause.message}. Grant the user permission to publish there.`,
    { topic, stored: 'no', cause },
  );

const unknownError = ({ topic }: PublishReceipt, cause: unknown): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_UNKNOWN',
    `cannot publish to "${topic}": the connection broke. The message may have been delivered.`,
    {
      topic,
      stored: 'unknown',
      retryable: true,
      cause,
    },
  );
