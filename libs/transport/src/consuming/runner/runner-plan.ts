import type { Clock, Delivery, Notices } from '../../contract/index.js';
import type { Classifier } from '../retry/classification.js';
import type { ResolvedConsumingOptions, UnknownTypePolicy } from '../consuming-options.js';
import type { DeadLetters } from '../dead-letter/dead-letter.js';
import type { HandlerCalls } from './handler-calls.js';
import type { Holds } from '../policies/holds.js';
import type { RestOfWork } from './handler.js';
import type { Refusal } from './route.js';
import type { Router } from './routing.js';
import type { SuspectGate } from './suspect-gate.js';

/** One subscription with everything decided: names, options, routes. */
export interface RunnerPlan {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
  readonly options: ResolvedConsumingOptions;
  readonly unknownType: UnknownTypePolicy;
  /** undefined: a message that cannot be handled is discarded, as configured. */
  readonly deadLetterTopic: string | undefined;
  /** Whether the driver redelivers natively; messages without order then wait on the broker. */
  readonly nativeRedelivery: boolean;
  /** Topics where messages wait after each tier, in order; undefined if the driver or this process keeps them. */
  readonly retryTopics?: readonly string[] | undefined;
  /**
   * A pattern that matches dead-letter topics by accident ignores them, because it would receive its own dead letters
   * forever.
   */
  readonly leavesDeadLetters: boolean;
  readonly route: Router;
  /** Notifies a requester that its message was given up; undefined if no handler replies. */
  readonly refuse?: Refusal | undefined;
  /** Messages that policies hold back; undefined if there are none. */
  readonly holds?: Holds | undefined;
  /** Tracks code inside handlers; undefined if nobody pauses the subscription. */
  readonly calls?: HandlerCalls | undefined;
}

export interface RunnerTools {
  readonly clock: Clock;
  readonly notices: Notices;
  readonly deadLetters: DeadLetters;
  readonly classify: Classifier | undefined;
  readonly restOf?: RestOfWork | undefined;
  /** Shared by all subscriptions of the process, which can crash each other; a runner without it has its own. */
  readonly suspects?: SuspectGate;
  /** Returns a number in [0, 1), for the jitter of delays. */
  readonly random: () => number;
}

/** Returns the fields that identify a message of a subscription in notices. */
export function aboutOf({ broker, topic, group }: RunnerPlan, { id, key, attempt }: Delivery) {
  return { broker, topic, group, id, key, attempt };
}
