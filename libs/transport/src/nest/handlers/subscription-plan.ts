import { isDeepStrictEqual } from 'node:util';
import { TransportError } from '../../contract/index.js';
import { checkOptions, nearestName } from '../../shared/index.js';
import type { ConsumingOptions, Handler, Refusal, Route, SubscriptionPlan } from '../../consuming/index.js';
import { SUBSCRIBE_RULES } from '../decorators/subscribe-options.js';
import type { SubscriptionMetadata } from '../decorators/subscription-metadata.js';

/** A handler as Nest registered it, with the options of its decorator. */
export interface HandlerRegistration extends SubscriptionMetadata {
  readonly handle: Handler;
  /** Of a handler that answers. */
  readonly refuse?: Refusal | undefined;
  /** What it gives is for a sender who waits: `@Respond`, or Nest's `@MessagePattern`. */
  readonly isAnswer?: boolean;
}

/** What the module knows that handlers leave out. */
export interface PlanDefaults {
  readonly service: string;
  readonly brokerNames: readonly string[];
  readonly defaultBroker: string;
  readonly subscriptions: ConsumingOptions;
}

interface Draft {
  readonly broker: string;
  readonly topic: string;
  readonly group: string;
  readonly members: HandlerRegistration[];
}

/**
 * From handlers to subscriptions, broker by broker: handlers of one (broker, topic, group) share one.
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`,
 *   `TRANSPORT_SUBSCRIPTION_DUPLICATE`, each naming the place in the code
 */
export function planSubscriptions(
  handlers: readonly HandlerRegistration[],
  defaults: PlanDefaults,
): ReadonlyMap<string, readonly SubscriptionPlan[]> {
  const plans = new Map<string, SubscriptionPlan[]>();
  for (const draft of draftsOf(handlers, defaults)) {
    const ofBroker = plans.get(draft.broker) ?? [];
    ofBroker.push(planOf(draft, defaults.subscriptions));
    plans.set(draft.broker, ofBroker);
  }
  return plans;
}

function draftsOf(handlers: readonly HandlerRegistration[], defaults: PlanDefaults): Iterable<Draft> {
  const drafts = new Map<string, Draft>();
  for (const handler of handlers) {
    checkOptions(placeOf(handler), handler.options, SUBSCRIBE_RULES);
    const { broker = defaults.defaultBroker, group = defaults.service } = handler.options;
    if (!defaults.brokerNames.includes(broker)) throw unknownBroker(handler, broker, defaults.brokerNames);
    const identity = JSON.stringify([broker, handler.topic, group]);
    const draft = drafts.get(identity) ?? { broker, topic: handler.topic, group, members: [] };
    draft.members.push(handler);
    drafts.set(identity, draft);
  }
  return drafts.values();
}

function planOf(draft: Draft, defaults: ConsumingOptions): SubscriptionPlan {
  refuseDuplicateTypes(draft);
  refuseHalfBatches(draft);
  return {
    topic: draft.topic,
    group: draft.group,
    where: draft.members.map(placeOf).join(' and '),
    options: over(defaults, sharedOptions(draft)),
    routes: draft.members.map(routeOf),
  };
}

function routeOf({ event, handle, refuse }: HandlerRegistration): Route {
  return event === undefined
    ? { type: undefined, schema: undefined, handle, refuse }
    : { type: event.type, schema: event.schema, codec: event.codec, keyed: event.key !== undefined, handle, refuse };
}

function refuseDuplicateTypes({ topic, group, members }: Draft): void {
  const seen = new Map<string | undefined, HandlerRegistration>();
  for (const member of members) {
    const type = member.event?.type;
    const earlier = seen.get(type);
    if (earlier !== undefined) throw duplicate(earlier, member, topic, group);
    seen.set(type, member);
  }
}

/** A batch changes the parameter of a handler: all handlers of a subscription must set it, and request handlers cannot. */
function refuseHalfBatches({ topic, group, members }: Draft): void {
  const batching = members.find(({ options }) => options.batch !== undefined);
  if (batching === undefined) return;
  const answering = members.find(({ isAnswer }) => isAnswer);
  const single = answering ?? members.find(({ options }) => options.batch === undefined);
  if (single === undefined) return;
  const what =
    answering === undefined
      ? `the handlers of topic "${topic}" and group "${group}" share one subscription, but ${single.where} does not set batch and would receive arrays. Set batch on each of them, or give one its own group`
      : `${single.where} answers requests one at a time and cannot receive batches. Remove batch, or give it its own group`;
  throw new TransportError('TRANSPORT_OPTION_CONFLICT', `${placeOf(batching)}: ${what}.`, { topic });
}

function duplicate(
  first: HandlerRegistration,
  second: HandlerRegistration,
  topic: string,
  group: string,
): TransportError {
  const what = second.event === undefined ? `every type of topic "${topic}"` : `"${second.event.type}"`;
  const who =
    first.where === second.where
      ? `${first.where} is registered twice (two classes inherit it, two modules provide its class, or a module lists its controller again). Both would`
      : `${first.where} and ${second.where} both`;
  return new TransportError(
    'TRANSPORT_SUBSCRIPTION_DUPLICATE',
    `${who} handle ${what} as group "${group}", but a message goes to only one handler of a group. To deliver it to both, set { group: '...' } on one of them, or call both from one handler.`,
    { topic },
  );
}

/** Merges the options of handlers that share a subscription: an option set on one applies to all. */
function sharedOptions({ topic, group, members }: Draft): ConsumingOptions {
  const saidBy = new Map<string, HandlerRegistration>();
  let shared: ConsumingOptions = {};
  for (const member of members) {
    const { group: _group, broker: _broker, ...options } = member.options;
    for (const [name, value] of Object.entries(flat(options))) {
      const earlier = saidBy.get(name);
      if (earlier !== undefined && !isDeepStrictEqual(flat(earlier.options)[name], value)) {
        throw contradiction(name, earlier, member, topic, group);
      }
      saidBy.set(name, member);
    }
    shared = over(shared, options);
  }
  return shared;
}

function contradiction(
  name: string,
  first: HandlerRegistration,
  second: HandlerRegistration,
  topic: string,
  group: string,
): TransportError {
  const said = (handler: HandlerRegistration): string =>
    `${handler.where} has ${JSON.stringify(flat(handler.options)[name])}`;
  return new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `Two handlers share the subscription to topic "${topic}" of group "${group}", but ${said(first)} and ${said(second)} for ${name}. Set it once, or give one of them its own group.`,
    { topic },
  );
}

/** Options as `name` to value, with the fields of `retry` and `batch` one by one; what is undefined counts as absent. */
function flat(options: ConsumingOptions): Readonly<Record<string, unknown>> {
  const { retry = {}, batch = {}, ...others } = options;
  const nested = Object.entries({ retry, batch }).flatMap(([group, values]) =>
    Object.entries(values).map(([name, value]) => [`${group}.${name}`, value] as const),
  );
  return Object.fromEntries([...Object.entries(others), ...nested].filter(([, value]) => value !== undefined));
}

/** `upper` over `lower`, field by field, and so for `retry`. */
function over(lower: ConsumingOptions, upper: ConsumingOptions): ConsumingOptions {
  const given = Object.fromEntries(Object.entries(upper).filter(([, value]) => value !== undefined));
  const retry = { ...lower.retry, ...upper.retry };
  return { ...lower, ...given, ...(Object.keys(retry).length === 0 ? {} : { retry }) };
}

/** How an error names a handler's decorator: `@Subscribe("order.created") in InventoryController.reserve`. */
function placeOf({ pattern, where }: SubscriptionMetadata): string {
  return `@Subscribe("${pattern}") in ${where}`;
}

function unknownBroker(handler: HandlerRegistration, broker: string, known: readonly string[]): TransportError {
  const nearest = nearestName(broker, known);
  const hint = nearest === undefined ? `Known are ${known.join(', ')}.` : `Did you mean "${nearest}"?`;
  return new TransportError(
    'TRANSPORT_OPTION_INVALID',
    `${placeOf(handler)}: there is no broker "${broker}" in TransportModule. ${hint}`,
  );
}
