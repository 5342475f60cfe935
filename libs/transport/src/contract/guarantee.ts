/** Levels from the strongest to the weakest. */
export const GUARANTEE_LEVELS = ['at-least-once', 'unknown', 'may-lose', 'at-most-once'] as const;

/**
 * The guarantee for a subscription's messages. `'at-least-once'`: no message is lost. `'unknown'`: nothing known loses
 * a message, but some settings could not be read. `'may-lose'`: the loss of a server, or an option, loses messages.
 * `'at-most-once'`: a failed message is not redelivered.
 */
export type GuaranteeLevel = (typeof GUARANTEE_LEVELS)[number];

interface ReasonRule {
  /** The resulting level; `'note'` does not lower it. */
  readonly effect: Exclude<GuaranteeLevel, 'at-least-once'> | 'note';
  /** What happens, as a clause without a full stop; `%s` is replaced with the value at hand. */
  readonly why: string;
  /** What to do about it, if the driver has no more specific remedy. */
  readonly remedy: string;
  /**
   * A broker setting that the author of the application may not know. The start warns about it, unless it is
   * `inherent`.
   */
  readonly surprises?: true;
}

/**
 * Why a guarantee is not the strongest, and what else a reader should know. The list is closed: tools can switch over
 * it.
 */
export const GUARANTEE_REASONS = {
  'no-redelivery': {
    effect: 'at-most-once',
    why: 'the broker forgets a message on delivery: a failed message, or one in a process that ends, is not redelivered',
    remedy: 'Use a broker that keeps messages until they are settled.',
  },
  'not-stored': {
    effect: 'at-most-once',
    why: 'nothing is stored: only consumers that are subscribed at that moment receive a message',
    remedy: 'Use a topic that the broker stores.',
  },
  'retries-in-process': {
    effect: 'at-most-once',
    why: 'messages that wait for a retry wait in this process and are lost when it ends (retry.inProcess)',
    remedy: 'Use a broker that supports redelivery.',
  },
  'kept-in-process': {
    effect: 'may-lose',
    why: 'messages are kept in the memory of this process and are lost when it ends',
    remedy: 'Use a broker outside the process.',
  },
  'kept-in-memory': {
    effect: 'may-lose',
    why: 'the broker keeps messages in memory: a restart loses them',
    remedy: 'Configure the broker to store them on disk.',
    surprises: true,
  },
  'not-durable': {
    effect: 'may-lose',
    why: 'a confirmed message does not survive a broker restart',
    remedy: 'Use a broker that stores messages.',
  },
  'one-copy': {
    effect: 'may-lose',
    why: 'each message is stored on a single server and is lost with its disk',
    remedy: 'Store each message on three servers.',
    surprises: true,
  },
  'confirmed-by-one': {
    effect: 'may-lose',
    why: 'only one of %s servers must have a message before it is confirmed: if that server is lost, messages that the others had not copied are lost',
    remedy: 'Require at least two servers to confirm a publish.',
    surprises: true,
  },
  'stale-election': {
    effect: 'may-lose',
    why: 'a server that missed messages can become the leader, which loses those messages',
    remedy: 'Allow only servers with all messages to become the leader.',
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
    why: 'what this application publishes, dead letters included, is not confirmed by the broker',
    remedy: 'Enable publisher confirmations.',
    surprises: true,
  },
  discards: {
    effect: 'may-lose',
    why: 'a message that cannot be handled is discarded: there is no dead-letter topic (deadLetterTopic: false)',
    remedy: 'Remove deadLetterTopic: false, or name a topic.',
  },
  'waits-too-long': {
    effect: 'may-lose',
    why: 'messages are deleted after %s, and a failed message can wait longer than that for a retry (retry.redeliveryDelaysMs)',
    remedy: 'Set a retention longer than the sum of retry.redeliveryDelaysMs, or shorten the delays.',
    surprises: true,
  },
  'newest-of-key': {
    effect: 'may-lose',
    why: 'the topic is compacted: of the copies stored under one key all but the newest are deleted',
    remedy: 'Use topics that are not compacted for dead letters and retries.',
    surprises: true,
  },
  'every-instance': {
    effect: 'may-lose',
    why: "an instance receives only what is published while it runs; nothing is kept for an instance that is down (delivery: 'every-instance')",
    remedy: "Use delivery: 'group' if each message must be handled.",
  },
  'not-asked': {
    effect: 'unknown',
    why: 'the broker was not queried for its settings',
    remedy: 'Describe the application while the broker is reachable.',
  },
  'not-told': {
    effect: 'unknown',
    why: 'the driver does not report how the broker stores messages',
    remedy: 'See the documentation of the driver.',
  },
  'not-readable': {
    effect: 'unknown',
    why: 'the settings of the broker could not be read: %s',
    remedy: 'Give this login the permission to read them.',
  },
  'topic-missing': {
    effect: 'unknown',
    why: 'the topic does not exist yet',
    remedy: 'Create it, or describe the application again after the first start.',
  },
  'starts-new': {
    effect: 'note',
    why: "a new group starts with the next message (startFrom: 'new')",
    remedy: "Set startFrom: 'beginning' to receive what the topic already holds.",
  },
  'kept-for-a-time': {
    effect: 'note',
    why: 'messages are deleted after %s, handled or not: a group that is down for longer misses them',
    remedy: 'Set a retention longer than your longest outage.',
  },
  repeats: {
    effect: 'note',
    why: 'a retry inside the client can store a publish twice',
    remedy: 'Enable idempotence.',
  },
} as const satisfies Record<string, ReasonRule>;

/** The machine-readable name of a reason; stable across releases. */
export type GuaranteeReasonCode = keyof typeof GUARANTEE_REASONS;

/** One reason that lowers a guarantee, or that a reader should know. */
export interface GuaranteeReason {
  readonly code: GuaranteeReasonCode;
  /** The resulting level; `'note'` does not lower it. */
  readonly effect: Exclude<GuaranteeLevel, 'at-least-once'> | 'note';
  /** The topic it applies to: the subscription's own or its dead-letter topic. Left out if it applies to neither. */
  readonly topic?: string;
  /** What happens: a clause without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

/** The guarantee of a subscription, and the reasons why it is not stronger. */
export interface Guarantee {
  readonly level: GuaranteeLevel;
  readonly reasons: readonly GuaranteeReason[];
}

/** Whether `level` is as strong as `wanted`, or stronger. */
export function isAtLeast(level: GuaranteeLevel, wanted: GuaranteeLevel): boolean {
  return GUARANTEE_LEVELS.indexOf(level) <= GUARANTEE_LEVELS.indexOf(wanted);
}
