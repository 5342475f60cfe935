import { resolveBatchOptions, type BatchOptions } from './runner/batch-options.js';
import { attemptsInAll, hasTiers } from './retry/tiers.js';
import {
  refuseRetryConflicts,
  resolveRetryOptions,
  RETRY_DEFAULTS,
  type ResolvedRetryOptions,
  type RetryOptions,
} from './retry/retry-options.js';
import { checkPolicies, isPolicy, type Policy } from './policies/policy.js';
import {
  capabilityOf,
  GUARANTEE_LEVELS,
  isStartOffset,
  TransportError,
  type Capabilities,
  type CapabilityName,
  type DeliveryMode,
  type GuaranteeLevel,
  type Ordering,
  type StartFrom,
} from '../contract/index.js';
import { option, startFromRule, valueText, withDefaults, type OptionRule } from '../shared/index.js';

/**
 * What happens to a message whose type no handler of the subscription takes. `'fail'` treats it like a failed handler:
 * it is retried as configured in `retry`, then dead-lettered.
 */
export type UnknownTypePolicy = 'ignore' | 'dead-letter' | 'fail';

/** Options of a subscription, the same on every broker. */
export interface ConsumingOptions {
  /**
   * `'every-instance'` broadcasts: each running instance gets every message, in a group of its own that ends with the
   * instance. @default 'group'
   */
  readonly delivery?: DeliveryMode;
  /** Which messages are handled one at a time. @default 'key'; 'none' if the broker has no `orderByKey` */
  readonly ordering?: Ordering;
  /**
   * Passes arrays of messages to the handler; a message that fails in a batch is retried without the others. @default
   * one at a time
   */
  readonly batch?: BatchOptions;
  /**
   * Maximum number of handlers (with `batch`, of batches) that run at the same time; at most `maxInFlight` messages.
   * @default 16; 1 with `batch`
   */
  readonly concurrency?: number;
  /**
   * Maximum number of messages received and not settled; messages that wait for a retry do not count. Lower values are
   * usually faster, because fewer live messages mean less garbage collection. @default 256, or twice what the batches
   * hold
   */
  readonly maxInFlight?: number;
  /**
   * Maximum size in bytes of the bodies received and not settled; messages that wait for a retry in this process count.
   * At the limit, intake stops until some are settled; one message is always received, whatever its size. @default
   * 67108864
   */
  readonly maxInFlightBytes?: number;
  /** How often and when a failed message is retried. @default the module's, otherwise see `RetryOptions` */
  readonly retry?: RetryOptions;
  /**
   * The topic for messages that cannot be handled. `false` discards them, with a notice for each.
   * @default `<topic>.<group>.dead-letter`; false if the broker has no `deadLetter`
   */
  readonly deadLetterTopic?: string | false;
  /**
   * Where a group without a stored position starts. @default 'beginning'; 'new' with `'every-instance'`, and if the
   * broker has no `startFromBeginning`
   */
  readonly startFrom?: StartFrom;
  /**
   * What happens to a message that no handler takes. @default 'ignore' if the topic carries several types, otherwise
   * 'dead-letter'
   */
  readonly unknownType?: UnknownTypePolicy;
  /** Validates payloads against the schema of their event. @default true */
  readonly validate?: boolean;
  /**
   * Wraps each handler: `timeout`, `rateLimit`, `throttle`, `circuitBreaker`, or your own functions. The library's
   * policies run in a fixed order. A list replaces the module's. @default none
   */
  readonly policies?: readonly Policy[];
  /**
   * The guarantee that is required, computed from these options and the broker's actual settings. The start fails with
   * `TRANSPORT_GUARANTEE_UNMET` if it is weaker. A lower level accepts that guarantee and silences its warning.
   * @default any, with a warning if a broker setting can lose messages
   */
  readonly guarantee?: GuaranteeLevel;
}

export const CONSUMING_DEFAULTS = {
  delivery: 'group',
  ordering: 'key',
  concurrency: 16,
  maxInFlight: 256,
  maxInFlightBytes: 67_108_864,
  startFrom: 'beginning',
  validate: true,
} as const satisfies ConsumingOptions;

/** Rules of `ConsumingOptions`; the Nest layer adds those that only a decorator has. */
export const CONSUMING_RULES = {
  delivery: option.oneOf('group', 'every-instance'),
  ordering: option.oneOf('key', 'partition', 'none'),
  batch: option.record,
  concurrency: option.integer(1),
  maxInFlight: option.integer(1),
  maxInFlightBytes: option.integer(1),
  retry: option.record,
  deadLetterTopic: option.either(option.text, option.oneOf(false)),
  startFrom: startFromRule,
  unknownType: option.oneOf('ignore', 'dead-letter', 'fail'),
  validate: option.flag,
  policies: {
    expected: 'an array of policies, such as timeout({ timeoutMs: 500 }), or functions',
    accepts: (value) => Array.isArray(value) && value.every(isPolicy),
  } satisfies OptionRule,
  guarantee: option.oneOf(...GUARANTEE_LEVELS),
} as const satisfies Record<keyof ConsumingOptions, unknown>;

/** Options with every default filled in; what stays open depends on topic and group. */
export type ResolvedConsumingOptions = Required<
  Omit<ConsumingOptions, 'retry' | 'batch' | 'deadLetterTopic' | 'unknownType' | 'policies' | 'guarantee'>
> &
  Pick<ConsumingOptions, 'deadLetterTopic' | 'unknownType' | 'policies' | 'guarantee'> & {
    readonly retry: ResolvedRetryOptions;
    readonly batch?: Required<BatchOptions>;
  };

/**
 * Fills in the defaults and rejects contradictions. `checkOptions` has already checked names and types. Defaults follow
 * the broker: a capability that it does not support is not used unless an option requires it explicitly.
 * @param capabilities of the broker; left out if not known yet
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`
 */
export function resolveConsumingOptions(
  where: string,
  options: ConsumingOptions,
  capabilities?: Capabilities,
): ResolvedConsumingOptions {
  const { retry = {} } = options;
  const batch = options.batch === undefined ? undefined : resolveBatchOptions(where, options.batch);
  const { defaults, retryDefaults } = defaultsFor(options, capabilities);
  const resolved = {
    ...withDefaults(options, { ...defaults, ...batchDefaults(batch, options.concurrency) }),
    ...(batch === undefined ? {} : { batch }),
    retry: resolveRetryOptions(where, retry, retryDefaults),
  } as ResolvedConsumingOptions;
  refuseConflicts(where, resolved);
  checkPolicies(where, resolved.policies);
  return resolved;
}

function defaultsFor({ delivery, retry = {} }: ConsumingOptions, capabilities: Capabilities | undefined) {
  const lacks = (name: CapabilityName): boolean =>
    capabilities !== undefined && capabilityOf(capabilities, name) === 'unsupported';
  const startsNew = delivery === 'every-instance' || lacks('startFromBeginning');
  const inProcess = retry.inProcess === true;
  const defaults: ConsumingOptions = {
    ...CONSUMING_DEFAULTS,
    startFrom: startsNew ? 'new' : CONSUMING_DEFAULTS.startFrom,
    ordering: lacks('orderByKey') ? 'none' : CONSUMING_DEFAULTS.ordering,
    ...(lacks('deadLetter') && !inProcess ? { deadLetterTopic: false } : {}),
  };
  const maxAttempts = lacks('redelivery') && !inProcess ? 1 : RETRY_DEFAULTS.maxAttempts;
  return { defaults, retryDefaults: { ...RETRY_DEFAULTS, maxAttempts } };
}

/** Twice the size, because the next batches fill while these run. */
function batchDefaults(batch: Required<BatchOptions> | undefined, concurrency = 1): ConsumingOptions {
  if (batch === undefined) return {};
  return { concurrency: 1, maxInFlight: Math.max(CONSUMING_DEFAULTS.maxInFlight, 2 * concurrency * batch.maxMessages) };
}

/** Returns how many messages handlers can hold at the same time; a batch counts all of its messages. */
export function messagesAtOnce({ concurrency, batch }: ResolvedConsumingOptions): number {
  return concurrency * (batch?.maxMessages ?? 1);
}

/** Returns the capabilities that a subscription requires, after its defaults are filled in. */
export function neededCapabilities(options: ResolvedConsumingOptions): CapabilityName[] {
  const { delivery, ordering, startFrom, deadLetterTopic, retry } = options;
  const asked: readonly (readonly [boolean, CapabilityName])[] = [
    [true, delivery === 'group' ? 'groups' : 'everyInstance'],
    [ordering === 'key', 'orderByKey'],
    [ordering === 'partition', 'orderByPartition'],
    [startFrom === 'beginning', 'startFromBeginning'],
    [startFrom instanceof Date, 'startFromTime'],
    [isStartOffset(startFrom), 'startFromOffset'],
    [hasTiers(retry), 'delayedRedelivery'],
    [attemptsInAll(retry) > 1 && !retry.inProcess, 'redelivery'],
    [deadLetterTopic !== false && !retry.inProcess, 'deadLetter'],
  ];
  return asked.filter(([isAsked]) => isAsked).map(([, name]) => name);
}

function refuseConflicts(where: string, options: ResolvedConsumingOptions): void {
  const { concurrency, batch, maxInFlight, retry, ordering } = options;
  const messages = messagesAtOnce(options);
  if (messages > maxInFlight) {
    const what =
      batch === undefined ? 'concurrency' : `concurrency (${concurrency}) batches of ${batch.maxMessages} messages`;
    throw new TransportError(
      'TRANSPORT_OPTION_CONFLICT',
      `${where}: ${what} (${messages}) must not exceed maxInFlight (${valueText(maxInFlight, CONSUMING_DEFAULTS.maxInFlight)}), or some handlers could never run. Raise maxInFlight.`,
    );
  }
  refuseRetryConflicts(where, retry, ordering);
}
