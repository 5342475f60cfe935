import {
  checkOptions,
  option,
  TransportError,
  withDefaults,
  type Capabilities,
  type CapabilityName,
  type DeliveryMode,
  type Ordering,
  type StartFrom,
} from '../contract/index.js';

/** How often a message is tried, and how long it waits in between. */
export interface RetryOptions {
  /** Attempts at one message, the first included. Integer >= 1. @default 5; 1 where the broker has no `redelivery` */
  readonly maxAttempts?: number;
  /** Longest wait before attempt 2; doubles each time up to `maxDelayMs`, with full jitter. @default 200 */
  readonly initialDelayMs?: number;
  /** No wait is longer than this. @default 30000 */
  readonly maxDelayMs?: number;
  /**
   * Messages wait for their next attempt in this process alone, also on a broker that could bring them back, or cannot:
   * there, what waits is lost with the process. @default false
   */
  readonly inProcess?: boolean;
}

/** What happens to a message whose type no handler of the subscription takes. `'fail'` treats it as a handler that failed: it is tried again as `retry` says, and dead-lettered after that. */
export type UnknownTypePolicy = 'ignore' | 'dead-letter' | 'fail';

/** How a subscription treats its messages, on every broker alike. */
export interface ConsumingOptions {
  /** `'every-instance'`: each running instance gets every message, as a group of its own that ends with it. @default 'group' */
  readonly delivery?: DeliveryMode;
  /** @default 'key'; 'none' where the broker has no `orderByKey` */
  readonly ordering?: Ordering;
  /** Handlers that run at the same time, at most `maxInFlight`. @default 16 */
  readonly concurrency?: number;
  /** Messages taken from the broker and not yet settled; those that wait for a retry are not counted. A small window is also the faster one. @default 256 */
  readonly maxInFlight?: number;
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
}

export const RETRY_DEFAULTS = {
  maxAttempts: 5,
  initialDelayMs: 200,
  maxDelayMs: 30_000,
  inProcess: false,
} as const satisfies Required<RetryOptions>;

export const CONSUMING_DEFAULTS = {
  delivery: 'group',
  ordering: 'key',
  concurrency: 16,
  maxInFlight: 256,
  startFrom: 'beginning',
  validate: true,
} as const satisfies ConsumingOptions;

export const RETRY_RULES = {
  maxAttempts: option.integer(1),
  initialDelayMs: option.integer(0),
  maxDelayMs: option.integer(0),
  inProcess: option.flag,
} as const satisfies Record<keyof RetryOptions, unknown>;

/** The rules of `ConsumingOptions`; the Nest room adds those that only a decorator has. */
export const CONSUMING_RULES = {
  delivery: option.oneOf('group', 'every-instance'),
  ordering: option.oneOf('key', 'partition', 'none'),
  concurrency: option.integer(1),
  maxInFlight: option.integer(1),
  retry: option.record,
  deadLetterTopic: option.either(option.text, option.oneOf(false)),
  startFrom: option.oneOf('beginning', 'new'),
  unknownType: option.oneOf('ignore', 'dead-letter', 'fail'),
  validate: option.flag,
} as const satisfies Record<keyof ConsumingOptions, unknown>;

/** Options with every default filled in; what is left open depends on topic and group. */
export type ResolvedConsumingOptions = Required<Omit<ConsumingOptions, 'retry' | 'deadLetterTopic' | 'unknownType'>> &
  Pick<ConsumingOptions, 'deadLetterTopic' | 'unknownType'> & { readonly retry: Required<RetryOptions> };

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
  checkOptions(`${where} retry`, retry, RETRY_RULES);
  const { defaults, retryDefaults } = defaultsFor(options, capabilities);
  const resolved = {
    ...withDefaults(options, defaults),
    retry: withDefaults(retry, retryDefaults),
  } as ResolvedConsumingOptions;
  refuseConflicts(where, resolved);
  return resolved;
}

function defaultsFor({ delivery, retry = {} }: ConsumingOptions, capabilities: Capabilities | undefined) {
  const lacks = (name: CapabilityName): boolean => capabilities?.[name] === 'absent';
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

/** What a subscription needs of its broker, once its options are filled in. */
export function neededCapabilities(options: ResolvedConsumingOptions): CapabilityName[] {
  const { delivery, ordering, startFrom, deadLetterTopic, retry } = options;
  const asked: readonly (readonly [boolean, CapabilityName])[] = [
    [true, delivery === 'group' ? 'groups' : 'everyInstance'],
    [ordering === 'key', 'orderByKey'],
    [ordering === 'partition', 'orderByPartition'],
    [startFrom === 'beginning', 'startFromBeginning'],
    [retry.maxAttempts > 1 && !retry.inProcess, 'redelivery'],
    [deadLetterTopic !== false && !retry.inProcess, 'deadLetter'],
  ];
  return asked.filter(([isAsked]) => isAsked).map(([, name]) => name);
}

function refuseConflicts(where: string, { concurrency, maxInFlight, retry }: ResolvedConsumingOptions): void {
  if (concurrency > maxInFlight) {
    throw new TransportError(
      'TRANSPORT_OPTION_CONFLICT',
      `${where}: concurrency (${concurrency}) must not be above maxInFlight (${maxInFlight}), or some handlers could never run. Raise maxInFlight.`,
    );
  }
  if (retry.initialDelayMs > retry.maxDelayMs) {
    throw new TransportError(
      'TRANSPORT_OPTION_CONFLICT',
      `${where} retry: initialDelayMs (${retry.initialDelayMs}) must not be above maxDelayMs (${retry.maxDelayMs}).`,
    );
  }
}
