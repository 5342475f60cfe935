import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import type { Clock } from '../../../contract/index.js';
import type { Link, LinkListener } from '../client/link.js';

/** What became of one publish. */
export type PubAnswer =
  | { readonly kind: 'stored'; readonly stream: string; readonly sequence: number; readonly duplicate: boolean }
  /** JetStream said no; a right that is missing has the number 0. */
  | { readonly kind: 'refused'; readonly code: number; readonly status: number; readonly text: string }
  /** The client did not take it. */
  | { readonly kind: 'unwritten'; readonly error: unknown }
  /** Nobody listens to the subject. */
  | { readonly kind: 'nobody' }
  /** No answer came in time. Somebody who listens to the subject keeps the server from saying that no stream holds it. */
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string };

export interface Publication {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: MsgHdrs;
}

interface Pending {
  readonly subject: string;
  readonly tell: (answer: PubAnswer) => void;
}

/**
 * Publishes and waits for JetStream's answers, all to one inbox. A connection that breaks answers everything that is on its
 * way with "unknown" at once: the client has thrown it away, or the server's answer is lost.
 */
export class PubAcks implements LinkListener {
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #timeoutMs: number;
  readonly #pending = new Map<string, Pending>();
  readonly #stopListening: () => void;
  #connection: NatsConnection | undefined;
  #inbox = '';
  #published = 0;
  #untilUp: ((isUp: boolean) => void)[] = [];

  constructor(clock: Clock, link: Link, timeoutMs: number) {
    this.#clock = clock;
    this.#link = link;
    this.#timeoutMs = timeoutMs;
    this.#stopListening = link.listen(this);
  }

  /** Writes in order; resolves with an answer for each, in the same order. @param onAnswer called with each as it comes */
  async publish(
    publications: readonly (() => Publication)[],
    onAnswer: (position: number, answer: PubAnswer) => void,
  ): Promise<PubAnswer[]> {
    const first = this.#published;
    const answers = publications.map((publication, position) =>
      this.#write(publication, (answer) => onAnswer(position, answer)),
    );
    const last = this.#published;
    const callOff = this.#clock.schedule(this.#timeoutMs, () => this.#giveUp(first, last));
    return Promise.all(answers).finally(callOff);
  }

  /** Resolves when the connection is back; false: not within the time of a request, or never. */
  untilUp(): Promise<boolean> {
    if (this.#link.isUp) return Promise.resolve(true);
    return new Promise((resolve) => {
      const callOff = this.#clock.schedule(this.#timeoutMs, () => tell(false));
      const tell = (isUp: boolean): void => {
        callOff();
        resolve(isUp);
      };
      this.#untilUp.push(tell);
    });
  }

  linkUp(): void {
    for (const tell of this.#untilUp.splice(0)) tell(true);
  }

  linkDown(): void {
    this.#answerAll('the connection broke');
  }

  refused(subject: string, error: Error): void {
    for (const [token, pending] of this.#pending) {
      if (pending.subject !== subject) continue;
      this.#answer(token, { kind: 'refused', code: 0, status: 403, text: error.message });
    }
  }

  close(): void {
    this.#stopListening();
    this.#answerAll('the connection was closed');
    for (const tell of this.#untilUp.splice(0)) tell(false);
  }

  #write(publication: () => Publication, onAnswer: (answer: PubAnswer) => void): Promise<PubAnswer> {
    const token = (this.#published++).toString(36);
    return new Promise((resolve) => {
      const tell = (answer: PubAnswer): void => {
        onAnswer(answer);
        resolve(answer);
      };
      try {
        this.#listen();
        const { subject, payload, headers } = publication();
        this.#pending.set(token, { subject, tell });
        this.#link.publish(subject, payload, { headers, reply: `${this.#inbox}.${token}` });
      } catch (error) {
        this.#pending.delete(token);
        tell({ kind: 'unwritten', error });
      }
    });
  }

  /** n.b. a connection that was made anew knows no subscription of the one before. */
  #listen(): void {
    const { connection } = this.#link;
    if (this.#connection === connection) return;
    this.#connection = connection;
    this.#inbox = this.#link.newInbox();
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        // n.b. the server has refused it: the next one tries again.
        else this.#connection = undefined;
      },
    });
  }

  #take(message: Msg): void {
    const token = message.subject.slice(message.subject.lastIndexOf('.') + 1);
    if (this.#pending.has(token)) this.#answer(token, answerOf(message));
  }

  #answer(token: string, answer: PubAnswer): void {
    const pending = this.#pending.get(token);
    this.#pending.delete(token);
    pending?.tell(answer);
  }

  #giveUp(first: number, last: number): void {
    const why = `no answer came within ${this.#timeoutMs} ms`;
    for (let number = first; number < last; number++) this.#answer(number.toString(36), { kind: 'silent', why });
  }

  #answerAll(why: string): void {
    for (const token of [...this.#pending.keys()]) this.#answer(token, { kind: 'unknown', why });
  }
}

interface AckText {
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
}

/** n.b. total: a foreign program may listen to the subject and answer what it likes; that is no confirmation. */
function answerOf(message: Msg): PubAnswer {
  if (message.headers?.code === 503 && message.data.length === 0) return { kind: 'nobody' };
  const { stream, seq, duplicate = false, error } = parse(message);
  if (error !== undefined) {
    const { code = 0, err_code: number = -1, description = '' } = error;
    return { kind: 'refused', code: number, status: code, text: description };
  }
  if (typeof stream === 'string' && typeof seq === 'number')
    return { kind: 'stored', stream, sequence: seq, duplicate };
  return { kind: 'unknown', why: 'somebody answered who is no stream' };
}

function parse(message: Msg): AckText {
  try {
    return (message.json<AckText | null>() ?? {}) as AckText;
  } catch {
    return {};
  }
}
