import type { GuaranteeReasonCode } from './guarantee.js';

/** What a driver is asked about: a topic as a group reads it, or one that only holds dead letters. */
export interface TopicQuery {
  readonly topic: string;
  /** undefined: nobody of this application subscribes to it. */
  readonly group: string | undefined;
}

/**
 * What a driver knows of the broker's real settings, as far as a guarantee hangs on them. What is left out is not known,
 * and is never guessed. No addresses, names of users or secrets.
 */
export interface BrokerFacts {
  /**
   * What the confirmation of a publish by this application means. `'all'`: as many servers have the message as the topic asks
   * for; `'one'`: one server has it; `'none'`: nobody confirms anything.
   */
  readonly confirmedBy: 'all' | 'one' | 'none';
  /** Whether sending again inside the client makes no duplicates. */
  readonly idempotent?: boolean;
  /** One answer per question, in their order; undefined where the topic is not there. */
  readonly topics: readonly (TopicFacts | undefined)[];
  /**
   * Reasons that say what this broker is, set as it usually is, and not what somebody did to it: they count and are told, and
   * the start does not warn of them. What is set worse than usual does not belong here.
   */
  readonly inherent?: readonly GuaranteeReasonCode[];
  /** Settings of the connection that matter for a guarantee, by the broker's own names. */
  readonly settings?: BrokerSettings;
  /** What to do about a reason, in the broker's own words: `Set min.insync.replicas to 2.` One or two sentences. */
  readonly remedy?: Readonly<Partial<Record<GuaranteeReasonCode, string>>>;
}

/** How a broker keeps the messages of a topic, for one group where groups differ. */
export interface TopicFacts {
  /**
   * `'disk'`; `'memory'`: of the broker, which loses it when it restarts; `'process'`: of this process; `'nowhere'`: handed to
   * those who listen now, and forgotten.
   */
  readonly storage?: 'disk' | 'memory' | 'process' | 'nowhere';
  /** Servers that keep each message. */
  readonly copies?: number;
  /** Of those, how many must have a message before its publish is confirmed. */
  readonly confirmedCopies?: number;
  /** Whether a server that has missed messages may become the one that counts, so that they are lost. */
  readonly staleElection?: boolean;
  /** Messages are deleted after so long, handled or not. Left out where they stay until they are settled, or for ever. */
  readonly keptMs?: number;
  /** Of messages with one key only the newest is sure to be kept: the log is compacted. */
  readonly newestOfKey?: boolean;
  /** What could not be learned, and why: one sentence. */
  readonly unknown?: string;
  /** The settings behind this, by the broker's own names. */
  readonly settings?: BrokerSettings;
}

/** Settings of a broker by its own names: `{ 'min.insync.replicas': 2 }`. */
export type BrokerSettings = Readonly<Record<string, string | number | boolean>>;
