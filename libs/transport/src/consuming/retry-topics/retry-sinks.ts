import {
  isTopicPattern,
  TransportError,
  type Capabilities,
  type Clock,
  type Subscription,
} from '../../contract/index.js';
import type { ResolvedConsumingOptions } from '../consuming-options.js';
import { RetryIntake } from './retry-intake.js';
import { retryTopicOf } from './retry-topics.js';
import type { RunnerPlan } from '../runner/runner-plan.js';
import type { SubscriptionRunner } from '../runner/runner.js';
import { hasTiers } from '../retry/tiers.js';

/** Reads one retry topic of a subscription. */
export interface RetrySink {
  readonly subscription: Subscription;
  readonly sink: RetryIntake;
}

/**
 * Where messages of a subscription wait between its tiers, in their order; undefined where it has none, or the broker keeps them.
 * @throws TransportError `TRANSPORT_OPTION_CONFLICT` where a topic could not keep them for the members of the group
 */
export function retryTopicsOf(
  where: string,
  { topic, group }: { readonly topic: string; readonly group: string },
  { delivery, retry }: ResolvedConsumingOptions,
  { delayedRedelivery }: Capabilities,
): readonly string[] | undefined {
  if (!hasTiers(retry) || delayedRedelivery !== 'emulated') return undefined;
  if (delivery === 'every-instance') {
    throw conflict(
      where,
      "redeliveryDelaysMs keeps messages in topics of the group, and with delivery: 'every-instance' the group ends with its instance.",
    );
  }
  if (isTopicPattern(topic)) {
    throw conflict(
      where,
      `redeliveryDelaysMs keeps messages in topics, and the pattern "${topic}" may take them from there.`,
    );
  }
  return retry.redeliveryDelaysMs?.map((_, index) => retryTopicOf(topic, group, index + 1));
}

/** What reads the retry topics of a subscription, all for its one runner: options, pause and drain are the same. */
export function retrySinks(
  subscription: Subscription,
  { topic, group, options, retryTopics = [] }: RunnerPlan,
  runner: SubscriptionRunner,
  clock: Clock,
): readonly RetrySink[] {
  const { maxAttempts, redeliveryDelaysMs = [] } = options.retry;
  return retryTopics.map((retryTopic, index) => {
    const of = { topic, group, waitMs: redeliveryDelaysMs[index] ?? 0, attempts: (index + 1) * maxAttempts };
    // n.b. what waits there waits for this group, whatever the group wanted of its topic when it was new.
    return {
      subscription: { ...subscription, topic: retryTopic, startFrom: 'beginning' },
      sink: new RetryIntake(of, runner, clock),
    };
  });
}

/**
 * Refuses a subscription that reads what waits for another one of its group: one member reads a topic once, so one of both would miss it.
 * @throws TransportError `TRANSPORT_SUBSCRIPTION_DUPLICATE`
 */
export function refuseReadTwice(running: readonly RetriedSubscription[]): void {
  const waits = running.flatMap(({ subject, retries }) =>
    retries.map(({ subscription: { topic, group } }) => ({ topic, group, of: subject.where })),
  );
  for (const { topic, group, of } of waits) {
    const reader = running.find(({ subject }) => subject.topic === topic && subject.group === group);
    if (reader === undefined) continue;
    throw new TransportError(
      'TRANSPORT_SUBSCRIPTION_DUPLICATE',
      `${reader.subject.where} subscribes to topic "${topic}" as group "${group}", where messages of ${of} wait between its tiers. Give it a group of its own.`,
      { topic },
    );
  }
}

interface RetriedSubscription {
  readonly subject: { readonly topic: string; readonly group: string; readonly where: string };
  readonly retries: readonly RetrySink[];
}

const conflict = (where: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `${where} retry: ${text} Leave redeliveryDelaysMs out.`);
