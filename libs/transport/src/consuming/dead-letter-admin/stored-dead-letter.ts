import { DEAD_LETTER_HEADERS, type Delivery, type Headers, type RawHeaders } from '../../contract/index.js';
import { fingerprintOf } from './fingerprint.js';

/** A dead letter as it is stored in its topic: the original, and why it failed. */
export interface StoredDeadLetter {
  /** The original's id, which a replay keeps. */
  readonly id: string;
  readonly key: string | undefined;
  /** The key's bytes if they are not valid UTF-8. */
  readonly rawKey?: Buffer | undefined;
  /** The original's bytes; `null` is a tombstone. */
  readonly body: Buffer | null;
  /** The original's headers, without those that describe the failure. */
  readonly headers: Headers;
  /** The bytes of the original's headers that are not valid UTF-8. */
  readonly rawHeaders?: RawHeaders | undefined;
  /** The original's topic; undefined for a message that `nest-transport` did not dead-letter. */
  readonly originalTopic: string | undefined;
  readonly originalOffset: string | undefined;
  /** The group that could not handle it. */
  readonly group: string | undefined;
  /**
   * Attempts before it was given up, the first included; undefined for a message that `nest-transport` did not
   * dead-letter.
   */
  readonly attempts: number | undefined;
  readonly firstFailedAt: Date | undefined;
  readonly lastFailedAt: Date | undefined;
  readonly errorName: string;
  readonly errorMessage: string;
  /**
   * Size of the original's body in bytes, if the letter was stored without it because it was too large; it cannot be
   * replayed.
   */
  readonly omittedBytes: number | undefined;
  /** Shared by errors with the same cause; `count` groups by it. */
  readonly fingerprint: string;
}

const OWN: ReadonlySet<string> = new Set(Object.values(DEAD_LETTER_HEADERS));

export function storedDeadLetter(delivery: Delivery): StoredDeadLetter {
  const recorded = (name: keyof typeof DEAD_LETTER_HEADERS): string | undefined =>
    delivery.header(DEAD_LETTER_HEADERS[name]);
  const errorName = recorded('errorName') ?? 'unknown';
  const errorMessage = recorded('errorMessage') ?? '';
  const attempts = Number(recorded('attempts'));
  return {
    id: delivery.id,
    key: delivery.key ?? recorded('key'),
    ...bytesOf(delivery),
    body: delivery.body,
    headers: withoutOwn(delivery.headers),
    originalTopic: recorded('topic'),
    originalOffset: recorded('offset'),
    group: recorded('group'),
    attempts: Number.isInteger(attempts) && attempts > 0 ? attempts : undefined,
    firstFailedAt: momentOf(recorded('firstFailedAt')),
    lastFailedAt: momentOf(recorded('lastFailedAt')),
    errorName,
    errorMessage,
    omittedBytes: numberOf(recorded('omittedBytes')),
    fingerprint: fingerprintOf(errorName, errorMessage),
  };
}

/** Left out if everything is text, which is the usual case. */
function bytesOf({ rawKey, rawHeaders }: Delivery): Pick<StoredDeadLetter, 'rawKey' | 'rawHeaders'> {
  return {
    ...(rawKey === undefined ? {} : { rawKey }),
    ...(rawHeaders === undefined ? {} : { rawHeaders: withoutOwn(rawHeaders) }),
  };
}

function withoutOwn<Value>(headers: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name)));
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Anybody can write a header, so an invalid date counts as none. */
function momentOf(text: string | undefined): Date | undefined {
  const moment = new Date(text ?? Number.NaN);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}
