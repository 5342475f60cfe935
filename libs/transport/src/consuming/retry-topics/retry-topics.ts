import {
  nameOfPattern,
  RETRY_HEADERS,
  type Delivery,
  type Headers,
  type OutgoingMessage,
  type RawHeaders,
} from '../../contract/index.js';

const OWN_HEADERS: ReadonlySet<string> = new Set(Object.values(RETRY_HEADERS));

/**
 * Where the messages of a subscription wait after a tier. By its number and not by its wait: who changes a wait reads on where
 * messages wait already.
 * @param tier the one that has failed, from 1 on
 */
export function retryTopicOf(topic: string, group: string, tier: number): string {
  return `${nameOfPattern(topic)}.${group}.retry-${tier}`;
}

/** Where a subscription stores copies of its messages: dead letters, and what waits between tiers. */
export function copyTopicsOf(subscription: {
  readonly deadLetterTopic: string | undefined;
  readonly retryTopics?: readonly string[] | undefined;
}): readonly string[] {
  const { deadLetterTopic, retryTopics = [] } = subscription;
  return deadLetterTopic === undefined ? retryTopics : [deadLetterTopic, ...retryTopics];
}

/** What a message in a retry topic says of itself; what is missing or unreadable is undefined. */
export interface RetryNote {
  readonly id: string | undefined;
  readonly group: string | undefined;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: string | undefined;
  readonly attempts: number | undefined;
  /** Milliseconds since the epoch, as the two below. */
  readonly dueAtMs: number | undefined;
  readonly publishedAtMs: number | undefined;
  readonly firstFailedAtMs: number | undefined;
}

/** How long a message has to wait, and since when it fails. Milliseconds since the epoch. */
export interface RetryWait {
  readonly dueAtMs: number;
  readonly firstFailedAtMs: number;
}

/** The copy that waits: the same key, body and headers, what its original was, and when it is due. */
export function retryCopyOf(delivery: Delivery, retryTopic: string, wait: RetryWait): OutgoingMessage {
  const { id, key, rawKey, body, headers, rawHeaders } = delivery;
  return {
    topic: retryTopic,
    key,
    rawKey,
    body,
    headers: { ...withoutRetryHeaders(headers), ...retryHeaders(delivery, wait) },
    rawHeaders: withoutRetryHeaders(rawHeaders),
    id,
    partition: undefined,
    // n.b. a message may wait in one topic twice, after the settings of its tiers were changed.
    isRepeated: true,
  };
}

function retryHeaders(delivery: Delivery, { dueAtMs, firstFailedAtMs }: RetryWait): Headers {
  const values: Record<string, string | undefined> = {
    [RETRY_HEADERS.dueAt]: new Date(Math.ceil(dueAtMs)).toISOString(),
    [RETRY_HEADERS.attempts]: String(delivery.attempt),
    [RETRY_HEADERS.id]: delivery.id,
    [RETRY_HEADERS.group]: delivery.group,
    [RETRY_HEADERS.topic]: delivery.topic,
    [RETRY_HEADERS.partition]: delivery.partition?.toString(),
    [RETRY_HEADERS.offset]: delivery.offset,
    [RETRY_HEADERS.publishedAt]: delivery.publishedAt?.toISOString(),
    [RETRY_HEADERS.firstFailedAt]: new Date(firstFailedAtMs).toISOString(),
  };
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Whether a header says something about a wait, and nothing to a handler. */
export const isRetryHeader = (name: string): boolean => OWN_HEADERS.has(name.toLowerCase());

export function withoutRetryHeaders<Given extends Headers | RawHeaders | undefined>(headers: Given): Given;
export function withoutRetryHeaders(headers: Headers | RawHeaders | undefined): Headers | RawHeaders | undefined {
  if (headers === undefined) return undefined;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isRetryHeader(name)));
}

/** Reads what `retryCopyOf` wrote; anybody may write to a topic, so nothing of it is taken for granted. */
export function retryNoteOf(delivery: Pick<Delivery, 'header'>): RetryNote {
  const said = (name: keyof typeof RETRY_HEADERS): string | undefined => delivery.header(RETRY_HEADERS[name]);
  return {
    id: said('id'),
    group: said('group'),
    topic: said('topic'),
    partition: countIn(said('partition')),
    offset: said('offset'),
    attempts: countIn(said('attempts')),
    dueAtMs: momentIn(said('dueAt')),
    publishedAtMs: momentIn(said('publishedAt')),
    firstFailedAtMs: momentIn(said('firstFailedAt')),
  };
}

const countIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

function momentIn(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
