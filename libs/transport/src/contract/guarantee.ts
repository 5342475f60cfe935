/** From the safest to the least; a level is above those that follow. */
export const GUARANTEE_LEVELS = ['at-least-once', 'unknown', 'may-lose', 'at-most-once'] as const;

/**
 * What can be promised of a subscription's messages. `'at-least-once'`: none is lost; `'unknown'`: nothing is known that would
 * lose one, and not everything could be asked; `'may-lose'`: the loss of a server, or an option, loses some; `'at-most-once'`:
 * what fails does not come again.
 */
export type GuaranteeLevel = (typeof GUARANTEE_LEVELS)[number];

interface ReasonRule {
  /** The level that remains; `'note'` leaves it as it is. */
  readonly effect: Exclude<GuaranteeLevel, 'at-least-once'> | 'note';
  /** What happens, in a sentence without its full stop; `%s` is what is known of the case. */
  readonly why: string;
  /** What to do about it, where the driver has no better words. */
  readonly remedy: string;
  /** A setting of the broker that who wrote the application need not know of: the start warns of it, unless it is `inherent`. */
  readonly surprises?: true;
}

/** Why a guarantee is not the highest, and what a reader should know beside it. A closed list: tools may switch over it. */
export const GUARANTEE_REASONS = {
  'no-redelivery': {
    effect: 'at-most-once',
    why: 'the broker forgets a message as it hands it over: what fails, or is in the process when it ends, does not come again',
    remedy: 'Use a broker that keeps messages until they are settled.',
  },
  'not-stored': {
    effect: 'at-most-once',
    why: 'nothing is stored: a message reaches those who listen at that moment',
    remedy: 'Use a topic that the broker stores.',
  },
  'retries-in-process': {
    effect: 'at-most-once',
    why: 'messages that wait for another attempt wait in this process, and end with it (retry.inProcess)',
    remedy: 'Use a broker that can redeliver.',
  },
  'kept-in-process': {
    effect: 'may-lose',
    why: 'messages are kept in the memory of this process, and end with it',
    remedy: 'Use a broker outside of the process.',
  },
  'kept-in-memory': {
    effect: 'may-lose',
    why: 'the broker keeps messages in memory: its restart loses them',
    remedy: 'Let the broker keep them on disk.',
    surprises: true,
  },
  'not-durable': {
    effect: 'may-lose',
    why: 'a confirmed message does not survive the restart of the broker',
    remedy: 'Use a broker that stores messages.',
  },
  'one-copy': {
    effect: 'may-lose',
    why: 'one server alone keeps each message: what it has is lost with its disk',
    remedy: 'Let three servers keep each message.',
    surprises: true,
  },
  'confirmed-by-one': {
    effect: 'may-lose',
    why: 'of %s servers one alone has to have a message before it is confirmed: when that one is lost, so is what the others had not copied',
    remedy: 'Let a publish be confirmed by at least two.',
    surprises: true,
  },
  'stale-election': {
    effect: 'may-lose',
    why: 'a server that missed messages may take over from one that has them, which loses them',
    remedy: 'Let only servers that have everything take over.',
    surprises: true,
  },
  'confirmed-by-leader': {
    effect: 'may-lose',
    why: 'what this application publishes, dead letters included, is confirmed by one server alone and lost with it',
    remedy: 'Wait for the confirmation of all copies.',
    surprises: true,
  },
  unconfirmed: {
    effect: 'may-lose',
    why: 'what this application publishes, dead letters included, is confirmed by nobody',
    remedy: 'Ask the broker for confirmations.',
    surprises: true,
  },
  discards: {
    effect: 'may-lose',
    why: 'what cannot be handled is discarded: there is no dead letter (deadLetterTopic: false)',
    remedy: 'Leave deadLetterTopic out, or name one.',
  },
  'waits-too-long': {
    effect: 'may-lose',
    why: 'messages are deleted after %s, and one that failed may wait for longer than that (retry.redeliveryDelaysMs)',
    remedy: 'Keep messages for longer than all waits of retry.redeliveryDelaysMs together, or wait less.',
    surprises: true,
  },
  'newest-of-key': {
    effect: 'may-lose',
    why: 'it is compacted: of the copies stored there under one key all but the newest are deleted',
    remedy: 'Keep dead letters, and what waits for its next attempt, in topics that are not compacted.',
    surprises: true,
  },
  'every-instance': {
    effect: 'may-lose',
    why: "an instance gets what comes while it runs; what is published while it is away does not wait for it (delivery: 'every-instance')",
    remedy: "Use delivery: 'group' where each message must be handled.",
  },
  'not-asked': {
    effect: 'unknown',
    why: 'the broker was not asked how it keeps messages',
    remedy: 'Describe it with a broker that can be reached.',
  },
  'not-told': {
    effect: 'unknown',
    why: 'the driver does not say how the broker keeps messages',
    remedy: 'Look at the page of the driver.',
  },
  'not-readable': {
    effect: 'unknown',
    why: 'the settings of the broker could not be read: %s',
    remedy: 'Give this login the right to read them.',
  },
  'topic-missing': {
    effect: 'unknown',
    why: 'the topic does not exist yet',
    remedy: 'Create it, or describe it after the first start.',
  },
  'starts-new': {
    effect: 'note',
    why: "a group that is new begins with what comes next (startFrom: 'new')",
    remedy: "Write startFrom: 'beginning' to get what the topic still holds.",
  },
  'kept-for-a-time': {
    effect: 'note',
    why: 'messages are deleted after %s, handled or not: a group that is away for longer misses them',
    remedy: 'Keep them for longer than the longest outage.',
  },
  repeats: {
    effect: 'note',
    why: 'a publish that is sent again inside the client may be stored twice',
    remedy: 'Switch idempotence on.',
  },
} as const satisfies Record<string, ReasonRule>;

/** The machine-readable name of a reason; stable across releases. */
export type GuaranteeReasonCode = keyof typeof GUARANTEE_REASONS;

/** One thing that lowers a guarantee, or that a reader should know. */
export interface GuaranteeReason {
  readonly code: GuaranteeReasonCode;
  /** The level that it leaves; `'note'`: it lowers nothing. */
  readonly effect: Exclude<GuaranteeLevel, 'at-least-once'> | 'note';
  /** The topic that it is true of: the subscription's own, or that of its dead letters. Left out where it is about neither. */
  readonly topic?: string;
  /** What happens: a sentence without its full stop. */
  readonly why: string;
  readonly remedy: string;
}

/** What can be promised, and why not more. */
export interface Guarantee {
  readonly level: GuaranteeLevel;
  readonly reasons: readonly GuaranteeReason[];
}

/** Whether `level` is as good as `wanted`, or better. */
export function isAtLeast(level: GuaranteeLevel, wanted: GuaranteeLevel): boolean {
  return GUARANTEE_LEVELS.indexOf(level) <= GUARANTEE_LEVELS.indexOf(wanted);
}
