import type { GuaranteeReasonCode } from './guarantee.js';

/** Names a topic that a driver describes: as a group reads it, or as a store of dead letters only. */
export interface TopicQuery {
  readonly topic: string;
  /** undefined: no subscription of this application reads it. */
  readonly group: string | undefined;
}

/**
 * Describes the broker's actual settings, as far as a guarantee depends on them. A field that is left out is unknown
 * and is never guessed. Contains no addresses, user names or secrets.
 */
export interface BrokerFacts {
  /**
   * What the broker's confirmation of this application's publishes means. `'all'`: as many servers as the topic
   * requires have the message; `'one'`: one server has it; `'none'`: the broker sends no confirmation.
   */
  readonly confirmedBy: 'all' | 'one' | 'none';
  /** Whether a retry inside the client cannot create a duplicate. */
  readonly idempotent?: boolean;
  /** One entry per query, in the order of the queries; undefined where the topic does not exist. */
  readonly topics: readonly (TopicFacts | undefined)[];
  /**
   * Reasons that follow from the broker's usual configuration. They lower the guarantee and are reported, but the start
   * does not warn about them. Do not list settings that are worse than usual.
   */
  readonly inherent?: readonly GuaranteeReasonCode[];
  /** Connection settings that matter for a guarantee, under the broker's own names. */
  readonly settings?: BrokerSettings;
  /** How to remove a reason, in the broker's own terms: `Set min.insync.replicas to 2.` One or two sentences. */
  readonly remedy?: Readonly<Partial<Record<GuaranteeReasonCode, string>>>;
}

/** Describes how the broker stores the messages of a topic; for one group where groups differ. */
export interface TopicFacts {
  /**
   * `'disk'`; `'memory'`: in the broker's memory, lost when the broker restarts; `'process'`: in the memory of this
   * process;
   * `'nowhere'`: delivered to the current subscribers and not stored.
   */
  readonly storage?: 'disk' | 'memory' | 'process' | 'nowhere';
  /** Number of servers that store each message. */
  readonly copies?: number;
  /** How many of these copies must exist before a publish is confirmed. */
  readonly confirmedCopies?: number;
  /** Whether a server that missed messages can become the leader, which loses those messages. */
  readonly staleElection?: boolean;
  /**
   * Retention in milliseconds: older messages are deleted, handled or not. Left out where messages stay until they are
   * settled, or have no limit.
   */
  readonly keptMs?: number;
  /** Whether the log is compacted: only the newest message of each key is sure to be kept. */
  readonly newestOfKey?: boolean;
  /** What could not be read, and why: one sentence. */
  readonly unknown?: string;
  /** The settings that these facts come from, under the broker's own names. */
  readonly settings?: BrokerSettings;
}

/** Settings of a broker under its own names: `{ 'min.insync.replicas': 2 }`. */
export type BrokerSettings = Readonly<Record<string, string | number | boolean>>;
