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

/** One subscription, with everything decided: names, options, routes. */
export interface RunnerPlan {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
  readonly options: ResolvedConsumingOptions;
  readonly unknownType: UnknownTypePolicy;
  /** undefined: what cannot be handled is discarded, by the user's own word. */
  readonly deadLetterTopic: string | undefined;
  /** Whether the driver brings a message back by itself; then those that keep no order wait on the broker. */
  readonly nativeRedelivery: boolean;
  /** Where messages wait after each tier, in their order; undefined where the driver keeps them, or this process does. */
  readonly retryTopics?: readonly string[] | undefined;
  /** A pattern that happens to match dead-letter topics does not mean them: it would be given its own again, without end. */
  readonly leavesDeadLetters: boolean;
  readonly route: Router;
  /** Tells who waits for an answer that a message was given up; undefined where nobody answers. */
  readonly refuse?: Refusal | undefined;
  /** Messages that policies keep back; undefined where there are none. */
  readonly holds?: Holds | undefined;
  /** Which code runs inside handlers; undefined where nobody pauses the subscription. */
  readonly calls?: HandlerCalls | undefined;
}

export interface RunnerTools {
  readonly clock: Clock;
  readonly notices: Notices;
  readonly deadLetters: DeadLetters;
  readonly classify: Classifier | undefined;
  readonly restOf?: RestOfWork | undefined;
  /** Shared by all subscriptions of the process that may end each other; a runner without it has its own. */
  readonly suspects?: SuspectGate;
  /** A number in [0, 1), for the jitter of delays. */
  readonly random: () => number;
}

/** How notices name a message of a subscription. */
export function aboutOf({ broker, topic, group }: RunnerPlan, { id, key, attempt }: Delivery) {
  return { broker, topic, group, id, key, attempt };
}
