import {
  atPlace,
  isTopicPattern,
  matchesTopic,
  requireCapabilities,
  TransportError,
  type Broker,
  type BrokerConnection,
  type BrokerHost,
  type Subscription,
  type SubscriptionSink,
} from '../../contract/index.js';
import { batched, type BatchCollector } from '../runner/batch.js';
import type { ConsumerSettings } from './consumer-settings.js';
import { neededCapabilities, resolveConsumingOptions, type ResolvedConsumingOptions } from '../consuming-options.js';
import { defaultDeadLetterTopic, isDeadLetterTopic } from '../dead-letter/dead-letter.js';
import type { GuaranteeSubject } from '../guarantee/guarantees.js';
import { HandlerCalls } from '../runner/handler-calls.js';
import { withPolicies } from '../policies/index.js';
import { retrySinks, retryTopicsOf, type RetrySink } from '../retry-topics/retry-sinks.js';
import { copyTopicsOf } from '../retry-topics/retry-topics.js';
import type { SubscriptionPlan } from './subscription-plan.js';
import { defaultUnknownTypePolicy, routerOf } from '../runner/routing.js';
import type { RunnerPlan, RunnerTools } from '../runner/runner-plan.js';
import { SubscriptionRunner } from '../runner/runner.js';
import { checkStartOffset } from './start-offset.js';
import { startWarnings } from './start-warnings.js';
import { RunnerControl, type SubscriptionControl } from './subscription-control.js';
import { hasTiers } from '../retry/tiers.js';
import type { Replayable, ReplayReport, ReplayWindow } from '../replay/window-replay.js';

/** One subscription with its runner and everything around it, before intake starts. */
export interface PreparedSubscription extends SubscriptionSink {
  readonly plan: RunnerPlan;
  readonly subject: GuaranteeSubject;
  readonly warnings: readonly string[];
  readonly collectors: readonly BatchCollector[];
  readonly sink: SubscriptionRunner;
  readonly control: SubscriptionControl;
  /** What reads its retry topics, tier by tier; empty where messages wait elsewhere. */
  readonly retries: readonly RetrySink[];
}

/** What a subscription is prepared with. */
export interface PreparationPort {
  readonly broker: Broker;
  readonly connection: BrokerConnection;
  readonly host: BrokerHost;
  readonly tools: RunnerTools;
  readonly settings: ConsumerSettings;
  /** What tells this instance's own groups from those of the others. */
  readonly instance: string;
  replay(replayable: Replayable, window: ReplayWindow): Promise<ReplayReport>;
}

/** Fills in every default, and refuses what can be known to be wrong before a broker is asked. @throws TransportError as `Consumer` */
export function prepareSubscription(plan: SubscriptionPlan, port: PreparationPort): PreparedSubscription {
  const { broker, connection, host, tools, settings, instance } = port;
  const { topic, where } = plan;
  const { capabilities } = broker;
  const options = resolveConsumingOptions(where, plan.options, capabilities);
  const group = options.delivery === 'every-instance' ? `${plan.group}.${instance}` : plan.group;
  const retryTopics = retryTopicsOf(where, { topic, group }, options, capabilities);
  const redeliveryDelaysMs = retryTopics === undefined ? options.retry.redeliveryDelaysMs : undefined;
  const subscription = { topic, group, ...options, redeliveryDelaysMs };
  requireCapabilities(broker, neededCapabilities(options), where, remedyOf(options));
  checkStartOffset(where, broker, topic, options.startFrom);
  const deadLetterTopic = deadLetterTopicOf(plan, options);
  checkNames(broker, where, subscription, deadLetterTopic, retryTopics);
  if (isTopicPattern(topic)) refuseOwnDeadLetters(where, topic, deadLetterTopic);
  const calls = new HandlerCalls();
  calls.isTracked = settings.tracksHandlers ?? false;
  const { routes, collectors } = batched(plan.routes, options, host.clock, { ...settings, calls });
  const pause = (reason: string): (() => void) => sink.pause(reason);
  const policed = withPolicies(routes, options.policies, { topic, group }, host, { ...settings, pause });
  const runnerPlan: RunnerPlan = {
    broker: host.broker,
    topic,
    group,
    options,
    deadLetterTopic,
    unknownType: options.unknownType ?? defaultUnknownTypePolicy(topic, plan.routes),
    nativeRedelivery: capabilities.redelivery === 'native' && !options.retry.inProcess,
    retryTopics,
    leavesDeadLetters: isTopicPattern(topic) && !isDeadLetterTopic(topic),
    route: routerOf(policed.routes, settings.codec),
    // n.b. of the plan's own routes: a message may be given up before it is known which of them is meant.
    refuse: plan.routes.find(({ refuse }) => refuse !== undefined)?.refuse,
    holds: policed.holds,
    calls,
  };
  const warnings = startWarnings(broker, plan, options);
  const sink = new SubscriptionRunner(runnerPlan, tools);
  const replayable = {
    broker,
    connection,
    host,
    plan: runnerPlan,
    tools,
    subscription,
  };
  const control = new RunnerControl({ ...runnerPlan, group: plan.group }, sink, host.notices, {
    replay: (window) => port.replay(replayable, window),
    hurry: () => collectors.forEach((collector) => collector.hurry()),
  });
  const subject = { topic, group, where, deadLetterTopic, retryTopics, options };
  const retries = retrySinks(subscription, runnerPlan, sink, host.clock);
  return { plan: runnerPlan, subject, warnings, collectors, subscription, sink, control, retries };
}

function checkNames(
  broker: Broker,
  where: string,
  subscription: Subscription,
  deadLetterTopic: string | undefined,
  retryTopics: readonly string[] | undefined,
): void {
  const topics = [subscription.topic, ...copyTopicsOf({ deadLetterTopic, retryTopics })];
  try {
    if (isTopicPattern(subscription.topic)) requireCapabilities(broker, ['wildcards'], where);
    for (const topic of topics) broker.checkSubscription({ ...subscription, topic });
  } catch (error) {
    throw atPlace(where, error);
  }
}

/** What a reader can do about a promise that the broker cannot keep. */
function remedyOf({ retry }: ResolvedConsumingOptions): string | undefined {
  if (retry.inProcess) return undefined;
  return hasTiers(retry)
    ? 'Leave retry.redeliveryDelaysMs out, or choose a broker that has it.'
    : 'Do without it, choose a broker that has it, or, for retries and dead letters, write retry: { inProcess: true }: they are then kept by this process, and lost with it.';
}

function deadLetterTopicOf({ topic, group }: SubscriptionPlan, options: ResolvedConsumingOptions): string | undefined {
  if (options.deadLetterTopic === false) return undefined;
  return options.deadLetterTopic ?? defaultDeadLetterTopic(topic, group);
}

function refuseOwnDeadLetters(where: string, pattern: string, deadLetterTopic: string | undefined): void {
  if (deadLetterTopic === undefined || !matchesTopic(pattern, deadLetterTopic)) return;
  if (isDeadLetterTopic(deadLetterTopic) && !isDeadLetterTopic(pattern)) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `${where}: the pattern "${pattern}" takes its own dead letters from "${deadLetterTopic}", so that they would come back without end. Give it a deadLetterTopic that it does not match.`,
  );
}
