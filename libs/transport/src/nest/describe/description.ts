import type { ConsumingOptions, RetryOptions, SubscriptionSummary } from '../../consuming/index.js';
import type { BrokerSettings, Capabilities, Guarantee, GuaranteeLevel, StartOffset } from '../../contract/index.js';

/** Describes an application as plain data, safe for `JSON.stringify`. It contains no secrets. */
export interface TransportDescription {
  readonly service: string;
  /** `false` if the module has `consume: false`: then there are no subscriptions. */
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
  /** The guarantee of a publish, apart from how its topic is stored. */
  readonly publishing: Guarantee;
  /** Settings of the connection that matter for a guarantee, by the broker's own names; empty where they are not known. */
  readonly settings: BrokerSettings;
  /** Why the broker's settings could not be read, in one sentence. Undefined if it answered or was not queried. */
  readonly problem?: string;
}

/** One subscription with every default filled in, and its computed guarantee. */
export interface SubscriptionDescription {
  readonly broker: string;
  readonly driver: string;
  readonly topic: string;
  /** The declared group: with `delivery: 'every-instance'` each instance has its own group, which starts with this name. */
  readonly group: string;
  /** The place in the code: `@Subscribe("order.created") in InventoryController.reserve`. */
  readonly where: string;
  /** `null`: messages that cannot be handled are discarded. */
  readonly deadLetterTopic: string | null;
  /** Topics where messages wait between tiers, in order. Empty if the broker delays them itself, or there are no tiers. */
  readonly retryTopics: readonly string[];
  readonly options: DescribedOptions;
  /** Settings of the topic that matter for the guarantee, by the broker's own names; empty where they are not known. */
  readonly settings: BrokerSettings;
  readonly guarantee: Guarantee;
  /** The value of the option `guarantee`; `null` if it is not set. */
  readonly wantedGuarantee: GuaranteeLevel | null;
  /** Valid settings that may surprise, one sentence each. */
  readonly warnings: readonly string[];
}

type Omitted = 'deadLetterTopic' | 'guarantee' | 'retry' | 'unknownType' | 'batch' | 'startFrom' | 'policies';

/** The options of a subscription, defaults filled in. Classes and functions appear as their names, dates as ISO 8601. */
export type DescribedOptions = Required<Omit<ConsumingOptions, Omitted>> &
  Pick<ConsumingOptions, 'unknownType' | 'batch'> & {
    /** The option as it was set; a `Date` as ISO 8601 text. */
    readonly startFrom: string | StartOffset;
    /** The library's own by kind and options, the others by the name of their function. */
    readonly policies?: readonly (string | { readonly kind: string; readonly options: object })[];
    /** With all defaults; `neverFor` contains the class names. */
    readonly retry: Required<Omit<RetryOptions, 'neverFor' | 'deadlineMs' | 'redeliveryDelaysMs'>> &
      Pick<RetryOptions, 'deadlineMs' | 'redeliveryDelaysMs'> & { readonly neverFor?: readonly string[] };
  };

/** @param settings of its topic, as far as the broker returned them */
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

/** Converts to plain data as JSON does, except that functions and classes in lists become their names. Methods are omitted. */
function plain(value: unknown): unknown {
  if (typeof value === 'function') return value.name;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined && typeof each !== 'function');
  return Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]));
}
