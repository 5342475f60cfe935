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

/** What happens to a message whose type no handler of the subscription takes. `'fail'` treats it as a handler that failed: it is tried again as `retry` says, and dead-lettered after that. */
export type UnknownTypePolicy = 'ignore' | 'dead-letter' | 'fail';

/** How a subscription treats its messages, on every broker alike. */
export interface ConsumingOptions {
  /** `'every-instance'`: each running instance gets every message, as a group of its own that ends with it. @default 'group' */
  readonly delivery?: DeliveryMode;
  /** @default 'key'; 'none' where the broker has no `orderByKey` */
  readonly ordering?: Ordering;
  /** The handler takes arrays of messages; what fails in a batch is tried again without its neighbours. @default one at a time */
  readonly batch?: BatchOptions;
  /** Handlers that run at the same time, with `batch` the batches; at most `maxInFlight` messages. @default 16; 1 with `batch` */
  readonly concurrency?: number;
  /** Messages taken from the broker and not yet settled; those that wait for a retry are not counted. A small window is also the faster one. @default 256, or twice what the batches take */
  readonly maxInFlight?: number;
  /**
   * Bytes of the bodies of messages taken from the broker and not yet settled; those that wait for a retry count, as this process
   * holds them. Nothing more is taken until some are settled; one message is always taken, whatever its size. @default 67108864
   */
  readonly maxInFlightBytes?: number;
  /** How often and when a message that failed is tried again. @default that of the module, else see `RetryOptions` */
  readonly retry?: RetryOptions;
  /**
   * Where messages go that cannot be handled. `false` discards them, with a notice for each.
   * @default `<topic>.<group>.dead-letter`; false where the broker has no `deadLetter`
   */
  readonly deadLetterTopic?: string | false;
  /** Where the group begins when it has never settled anything. @default 'beginning'; 'new' for every instance, and where the broker has no `startFromBeginning` */
  readonly startFrom?: StartFrom;
  /** @default 'ignore' where the topic carries several types, else 'dead-letter' */
  readonly unknownType?: UnknownTypePolicy;
  /** Whether payloads are checked against the schema of their event. @default true */
  readonly validate?: boolean;
  /**
   * What stands around each handler: `timeout`, `rateLimit`, `throttle`, `circuitBreaker`, or functions of your own. The order of
   * the library's is the library's. A list replaces the module's. @default none
   */
  readonly policies?: readonly Policy[];
  /**
   * What must be promised, computed from these options and the broker's real settings: the start is refused
   * (`TRANSPORT_GUARANTEE_UNMET`) where it is less. A lower level accepts what it names, and silences its warning.
   * @default anything, with a warning where a setting of the broker can lose messages
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

/** The rules of `ConsumingOptions`; the Nest room adds those that only a decorator has. */
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

/** Options with every default filled in; what is left open depends on topic and group. */
export type ResolvedConsumingOptions = Required<
  Omit<ConsumingOptions, 'retry' | 'batch' | 'deadLetterTopic' | 'unknownType' | 'policies' | 'guarantee'>
> &
  Pick<ConsumingOptions, 'deadLetterTopic' | 'unknownType' | 'policies' | 'guarantee'> & {
    readonly retry: ResolvedRetryOptions;
    readonly batch?: Required<BatchOptions>;
  };

/**
 * Fills in the defaults and refuses contradictions. Names and types of the options are checked before, with `checkOptions`.
 * Defaults follow the broker: what it cannot promise is left out as long as nobody asks for it by name.
 * @param capabilities of the broker; left out where it is not known yet
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

/** n.b. twice: the next batches gather while these run. */
function batchDefaults(batch: Required<BatchOptions> | undefined, concurrency = 1): ConsumingOptions {
  if (batch === undefined) return {};
  return { concurrency: 1, maxInFlight: Math.max(CONSUMING_DEFAULTS.maxInFlight, 2 * concurrency * batch.maxMessages) };
}

/** Messages that handlers may have at the same time: a batch is many. */
export function messagesAtOnce({ concurrency, batch }: ResolvedConsumingOptions): number {
  return concurrency * (batch?.maxMessages ?? 1);
}

/** What a subscription needs of its broker, once its options are filled in. */
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
      `${where}: ${what} (${messages}) must not be above maxInFlight (${valueText(maxInFlight, CONSUMING_DEFAULTS.maxInFlight)}), or some handlers could never run. Raise maxInFlight.`,
    );
  }
  refuseRetryConflicts(where, retry, ordering);
}
