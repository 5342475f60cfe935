import type { ConsumingOptions, RetryOptions, SubscriptionSummary } from '../../consuming/index.js';
import type { BrokerSettings, Capabilities, Guarantee, GuaranteeLevel, StartOffset } from '../../contract/index.js';

/** What an application is, as plain data: `JSON.stringify` loses nothing of it, and no secret is in it. */
export interface TransportDescription {
  readonly service: string;
  /** False where the module says `consume: false`: then there are no subscriptions. */
  readonly consumes: boolean;
  readonly brokers: readonly BrokerDescription[];
  readonly subscriptions: readonly SubscriptionDescription[];
}

/** One broker of an application. */
export interface BrokerDescription {
  /** The name the module gave it; `'default'` when it has one. */
  readonly name: string;
  readonly driver: string;
  readonly capabilities: Capabilities;
  /** What can be promised of a publish, beside how its topic is kept. */
  readonly publishing: Guarantee;
  /** Settings of the connection that matter for a guarantee, by the broker's own names; empty where they are not known. */
  readonly settings: BrokerSettings;
  /** Why nothing could be learned of the broker: one sentence. Left out where it answered, or was not asked. */
  readonly problem?: string;
}

/** One subscription with every default filled in, and what can be promised of it. */
export interface SubscriptionDescription {
  readonly broker: string;
  readonly driver: string;
  readonly topic: string;
  /** As it was written down: with `delivery: 'every-instance'` each instance has one of its own that begins with it. */
  readonly group: string;
  /** The place in the code: `@Subscribe("order.created") in InventoryController.reserve`. */
  readonly where: string;
  /** null: what cannot be handled is discarded. */
  readonly deadLetterTopic: string | null;
  /** Where messages wait between tiers, in their order; empty where the broker keeps them itself, or there are no tiers. */
  readonly retryTopics: readonly string[];
  readonly options: DescribedOptions;
  /** Settings of the topic that matter for the guarantee, by the broker's own names; empty where they are not known. */
  readonly settings: BrokerSettings;
  readonly guarantee: Guarantee;
  /** What was asked for by the option `guarantee`; null: nothing. */
  readonly wantedGuarantee: GuaranteeLevel | null;
  /** What starts as it was asked to, and may still surprise: one sentence each. */
  readonly warnings: readonly string[];
}

type Omitted = 'deadLetterTopic' | 'guarantee' | 'retry' | 'unknownType' | 'batch' | 'startFrom' | 'policies';

/** The options of a subscription, defaults filled in. Classes and functions are told by their names, moments as ISO 8601. */
export type DescribedOptions = Required<Omit<ConsumingOptions, Omitted>> &
  Pick<ConsumingOptions, 'unknownType' | 'batch'> & {
    /** As it was asked for; a `Date` as ISO 8601 text. */
    readonly startFrom: string | StartOffset;
    /** The library's own by kind and options, the others by the name of their function. */
    readonly policies?: readonly (string | { readonly kind: string; readonly options: object })[];
    /** With all defaults; of `neverFor` the names. */
    readonly retry: Required<Omit<RetryOptions, 'neverFor' | 'deadlineMs' | 'redeliveryDelaysMs'>> &
      Pick<RetryOptions, 'deadlineMs' | 'redeliveryDelaysMs'> & { readonly neverFor?: readonly string[] };
  };

/** @param settings of its topic, as far as the broker told them */
export function describeSubscription(
  { name, driver }: Pick<BrokerDescription, 'name' | 'driver'>,
  summary: SubscriptionSummary,
  settings: BrokerSettings = {},
): SubscriptionDescription {
  const {
    topic,
    group: _own,
    declaredGroup,
    where,
    resolvedDeadLetterTopic,
    retryTopics,
    deadLetterTopic: _asWritten,
    wantedGuarantee,
    guarantee,
    warnings,
    ...options
  } = summary;
  return {
    broker: name,
    driver,
    topic,
    group: declaredGroup,
    where,
    deadLetterTopic: resolvedDeadLetterTopic ?? null,
    retryTopics,
    options: describeOptions(options),
    settings,
    guarantee,
    wantedGuarantee: wantedGuarantee ?? null,
    warnings,
  };
}

/** Options as plain data. */
export const describeOptions = (options: object): DescribedOptions => plain(options) as DescribedOptions;

/** As JSON would have it, but for functions and classes in lists: they leave their names. Methods are left out. */
function plain(value: unknown): unknown {
  if (typeof value === 'function') return value.name;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined && typeof each !== 'function');
  return Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]));
}
