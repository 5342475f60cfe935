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
 * Returns the topics where messages wait between tiers, in order; undefined if there are no tiers, or the broker keeps
 * the messages.
 * @throws TransportError `TRANSPORT_OPTION_CONFLICT` if a topic could not keep them for the members of the group
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
      "redeliveryDelaysMs keeps messages in topics of the group, but with delivery: 'every-instance' the group ends with its instance.",
    );
  }
  if (isTopicPattern(topic)) {
    throw conflict(
      where,
      `redeliveryDelaysMs keeps messages in topics, but the pattern "${topic}" can match these topics.`,
    );
  }
  return retry.redeliveryDelaysMs?.map((_, index) => retryTopicOf(topic, group, index + 1));
}

/**
 * Returns the readers of a subscription's retry topics, all for its one runner: they share options, pause and drain.
 */
export function retrySinks(
  subscription: Subscription,
  { topic, group, options, retryTopics = [] }: RunnerPlan,
  runner: SubscriptionRunner,
  clock: Clock,
): readonly RetrySink[] {
  const { maxAttempts, redeliveryDelaysMs = [] } = options.retry;
  return retryTopics.map((retryTopic, index) => {
    const of = { topic, group, waitMs: redeliveryDelaysMs[index] ?? 0, attempts: (index + 1) * maxAttempts };
    // Waiting messages belong to this group, wherever the group started in its own topic.
    return {
      subscription: { ...subscription, topic: retryTopic, startFrom: 'beginning' },
      sink: new RetryIntake(of, runner, clock),
    };
  });
}

/**
 * Rejects a subscription that reads another one's retry topic in the same group: one member reads a topic once, so one
 * of both would miss messages.
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
      `${reader.subject.where} subscribes to topic "${topic}" as group "${group}", but messages of ${of} wait there between retries. Give it a different group.`,
      { topic },
    );
  }
}

interface RetriedSubscription {
  readonly subject: { readonly topic: string; readonly group: string; readonly where: string };
  readonly retries: readonly RetrySink[];
}

const conflict = (where: string, text: string): TransportError =>
  new TransportError('TRANSPORT_OPTION_CONFLICT', `${where} retry: ${text} Remove redeliveryDelaysMs.`);
