import { DEAD_LETTER_HEADERS, type OutgoingMessage } from '../../contract/index.js';
import type { FaultKind } from '../faults/random-faults-options.js';

/** Something that happened to a message in one group. `atMs` is the virtual time since the transport's start. */
export type Happening = { readonly atMs: number; readonly group: string } & (
  | { readonly what: 'delivered'; readonly attempt: number }
  | { readonly what: 'acked'; readonly attempt: number }
  | { readonly what: 'retried'; readonly attempt: number; readonly delayMs: number; readonly error: unknown }
  | { readonly what: 'dropped'; readonly attempt: number; readonly reason: string }
  | {
      readonly what: 'dead-lettered';
      readonly attempt: number;
      readonly deadLetterTopic: string;
      readonly error: unknown;
    }
  | { readonly what: 'dead-letter-failed'; readonly attempt: number; readonly error: unknown }
  /** Handled, but the settlement did not reach the broker: the message comes again. */
  | { readonly what: 'not-settled'; readonly attempt: number }
  | { readonly what: 'fault'; readonly kind: FaultKind }
);

/** The content of a happening, without time and group. */
export type Event = Happening extends infer Each
  ? Each extends Happening
    ? Omit<Each, 'atMs' | 'group'>
    : never
  : never;

/** Somebody who is owed a message. */
export interface Reader {
  readonly group: string;
  /** The topic or pattern that it subscribed to. */
  readonly subscribed: string;
}

export type PublishState = 'publishing' | 'stored' | 'not stored' | 'unknown';

/** A message that went out through a test transport, and all that is known of it. */
export class MessageRecord {
  readonly happenings: Happening[] = [];
  readonly caused: MessageRecord[] = [];
  state: PublishState = 'publishing';
  readonly broker: string;
  readonly message: OutgoingMessage;
  /** Messages whose handler published it; none for what the test, or nobody known, published. */
  readonly causes: readonly MessageRecord[];
  readonly atMs: number;
  /** The test itself published it. */
  readonly isRoot: boolean;
  /** By whether it is still owed to them. */
  readonly #readers = new Map<string, Reader & { isOwed: boolean }>();

  constructor(
    broker: string,
    message: OutgoingMessage,
    about: { readonly causes: readonly MessageRecord[]; readonly atMs: number; readonly isRoot: boolean },
  ) {
    this.broker = broker;
    this.message = message;
    this.causes = about.causes;
    this.atMs = about.atMs;
    this.isRoot = about.isRoot;
    for (const cause of about.causes) cause.caused.push(this);
  }

  get type(): string {
    return this.message.headers?.['message-type'] ?? this.message.topic;
  }

  get isDeadLetter(): boolean {
    return this.message.headers?.[DEAD_LETTER_HEADERS.topic] !== undefined;
  }

  /** Those who have not brought it to its end. */
  get owedTo(): readonly Reader[] {
    return [...this.#readers.values()].filter(({ isOwed }) => isOwed);
  }

  /** Every group that got it, or will. */
  get groups(): readonly string[] {
    return [...new Set([...this.#readers.values()].map(({ group }) => group))];
  }

  /** Whoever does not know of it yet is owed it from now on. */
  owe({ group, subscribed }: Reader): void {
    const identity = identityOf({ group, subscribed });
    if (!this.#readers.has(identity)) this.#readers.set(identity, { group, subscribed, isOwed: true });
  }

  /** Settled permanently. */
  paid(reader: Reader): void {
    const known = this.#readers.get(identityOf(reader));
    if (known !== undefined) known.isOwed = false;
  }

  /** Nobody will get it: it was not stored. */
  forgetReaders(): void {
    this.#readers.clear();
  }

  happened(atMs: number, group: string, event: Event): void {
    this.happenings.push({ ...event, atMs, group } as Happening);
  }
}

const identityOf = ({ group, subscribed }: Reader): string => `${group} ${subscribed}`;
