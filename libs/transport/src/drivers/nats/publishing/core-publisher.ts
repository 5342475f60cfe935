import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PermissionViolationError } from '@nats-io/transport-node';
import type { OutgoingMessage, Producer, PublishReceipt, SendResult, TransportError } from '../../../contract/index.js';
import { encodeHeaders } from '../receiving/answers.js';
import { checkMessage, messageTooLarge } from './check-message.js';
import { errorOf } from '../client/failures.js';
import type { Link, LinkListener } from '../client/link.js';

const MAX_REQUEST_BYTES = 4_194_304;
const NO_BODY = new Uint8Array(0);

/** Hands messages to the server, which hands them to whoever listens in that moment and keeps nothing. */
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

  /** Resolves when the server has taken them: a receipt says that it was there, and nothing of who listened. */
  async send(messages: readonly OutgoingMessage[]): Promise<readonly SendResult[]> {
    const { results, broken } = await this.#sendAll(messages, undefined);
    return results.map((result) =>
      result instanceof Error || broken === undefined ? result : unknownError(result, broken.cause),
    );
  }

  /** n.b. nobody who listens is told by the server, in the answer to the request; a reply may still come after an outage. */
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

  /** The server reports a missing permission before it answers; the client passes that on a few microtasks later. */
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
    const text = `cannot publish to "${topic}": there is no connection to ${this.#link.addresses}.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { topic, stored: 'no', retryable: true, cause });
  }
}

const refusedError = ({ topic }: PublishReceipt, cause: Error): TransportError =>
  errorOf(
    'TRANSPORT_AUTHORIZATION_FAILED',
    `cannot publish to "${topic}": ${cause.message}. Give the user the right to publish there.`,
    { topic, stored: 'no', cause },
  );

const unknownError = ({ topic }: PublishReceipt, cause: unknown): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_UNKNOWN',
    `cannot publish to "${topic}": the connection broke. The message may have been handed on.`,
    {
      topic,
      stored: 'unknown',
      retryable: true,
      cause,
    },
  );
