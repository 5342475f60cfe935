import type { InjectionToken, LoggerService, ModuleMetadata, OptionalFactoryDependency, Type } from '@nestjs/common';
import {
  CAPABILITY_MEANINGS,
  requireCapabilities,
  TransportError,
  type Broker,
  type CapabilityName,
  type Codec,
} from '../contract/index.js';
import { checkOptions, nearestName, option, withDefaults } from '../shared/index.js';
import {
  BATCH_DEFAULTS,
  CONSUMING_DEFAULTS,
  CONSUMING_RULES,
  resolveConsumingOptions,
  RETRY_DEFAULTS,
  type ConsumingOptions,
} from '../consuming/index.js';
import { PUBLISHING_DEFAULTS, PUBLISHING_RULES, type PublishingOptions } from '../publishing/index.js';

/** @inline */
interface CommonOptions {
  /** The service's name: the default `group` of its subscriptions, and part of client ids. */
  readonly service: string;
  /** Defaults for every subscription; `@Subscribe` has the last word, field by field. */
  readonly subscriptions?: Omit<ConsumingOptions, 'batch'>;
  /** How messages leave, on every broker alike. @default see `PublishingOptions` */
  readonly publishing?: PublishingOptions;
  /** How long a shutdown waits for handlers that run, in milliseconds. What is left is delivered again, never lost. @default 25000 */
  readonly drainTimeoutMs?: number;
  /**
   * How long the Observable of a handler may answer one request, in milliseconds, where the requester does not say how long it waits
   * (Nest's `client.send`). Then it is unsubscribed from, and the requester gets an error: a stream that never ends would keep its place
   * among `concurrency` for ever. @default 30000
   */
  readonly responseStreamTimeoutMs?: number;
  /**
   * What happens when no broker answers at start. `'wait'`: the application starts, keeps trying, and is not ready until
   * it is connected. `'fail'`: the start fails. What trying again cannot mend (login, certificate) fails the start either way.
   * @default 'wait'
   */
  readonly connect?: 'wait' | 'fail';
  /** Promises every broker must be able to keep; the start is refused where one is absent. @default none */
  readonly require?: readonly CapabilityName[];
  /** Turns payloads into bytes and back, for all brokers. @default JSON */
  readonly codec?: Codec;
  /** `false`: this process only publishes; its `@Subscribe` handlers stay deaf on purpose, as in a script. @default true */
  readonly consume?: boolean;
  /** Takes the transport's log lines; `false` silences them. @default Nest's logger */
  readonly logger?: LoggerService | false;
}

/** @inline */
interface OneBroker {
  /** The only broker, and with it the default one. */
  readonly broker: Broker;
  readonly brokers?: undefined;
}

/** @inline */
interface NamedBrokers {
  readonly broker?: undefined;
  /** Several brokers by name; the one called `default`, else the first, is the default broker. */
  readonly brokers: Readonly<Record<string, Broker>>;
}

/**
 * What `TransportModule.forRoot` takes: one `broker`, or several `brokers` by name, of which the one called `default`, else the
 * first, is the default broker.
 */
export type TransportModuleOptions = CommonOptions & (OneBroker | NamedBrokers);

/** For `useClass` and `useExisting` of `TransportModule.forRootAsync`. */
export interface TransportOptionsFactory {
  /** Called once, before anything connects. */
  createTransportOptions(): TransportModuleOptions | Promise<TransportModuleOptions>;
}

/** What `TransportModule.forRootAsync` takes: one of `useFactory`, `useClass`, `useExisting`. */
export interface TransportModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** What `useFactory` is given, in this order. @default nothing */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Makes the options; a promise is waited for. */
  // n.b. `any[]`: what is injected is known to the user's factory only.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly useFactory?: (...injected: any[]) => TransportModuleOptions | Promise<TransportModuleOptions>;
  /** Made by the module for itself, and asked for the options. */
  readonly useClass?: Type<TransportOptionsFactory>;
  /** A provider that `imports` bring, asked for the options. */
  readonly useExisting?: InjectionToken<TransportOptionsFactory>;
  /**
   * The names of the `brokers` that will come, for `@InjectPublisher(name)`: tokens must be known before the factory runs.
   * @default only the default broker can be injected
   */
  readonly brokerNames?: readonly string[];
}

const MODULE_DEFAULTS = {
  drainTimeoutMs: 25_000,
  responseStreamTimeoutMs: 30_000,
  connect: 'wait',
  consume: true,
} as const satisfies Partial<CommonOptions>;

/** Every default of the library that no driver owns, in one place; the documentation is checked against it. */
export const TRANSPORT_DEFAULTS = {
  module: MODULE_DEFAULTS,
  subscriptions: CONSUMING_DEFAULTS,
  retry: RETRY_DEFAULTS,
  batch: BATCH_DEFAULTS,
  publishing: PUBLISHING_DEFAULTS,
} as const;

/** The name of the broker of an application that has one. */
export const ONLY_BROKER = 'default';

export interface ResolvedModuleOptions extends Required<Pick<CommonOptions, 'service' | keyof typeof MODULE_DEFAULTS>> {
  readonly brokers: ReadonlyMap<string, Broker>;
  readonly defaultBroker: string;
  readonly subscriptions: ConsumingOptions;
  readonly publishing: PublishingOptions;
  readonly codec: Codec | undefined;
  readonly logger: LoggerService | false | undefined;
}

const isBroker = (value: unknown): value is Broker =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Broker).open === 'function' &&
  typeof (value as Broker).capabilities === 'object';

const rule = (expected: string, accepts: (value: unknown) => boolean) => ({ expected, accepts });

const RULES = {
  service: option.text,
  broker: rule('a broker, such as memory() or kafka({ ... })', isBroker),
  brokers: rule(
    'an object of brokers by name, at least one',
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.keys(value).length > 0 &&
      Object.entries(value).every(([name, broker]) => name !== '' && isBroker(broker)),
  ),
  subscriptions: option.record,
  publishing: option.record,
  drainTimeoutMs: option.integer(0),
  responseStreamTimeoutMs: option.integer(1),
  connect: option.oneOf('wait', 'fail'),
  require: rule('an array of capability names', Array.isArray),
  codec: option.record,
  consume: option.flag,
  logger: option.either(option.oneOf(false), option.record),
} as const satisfies Record<keyof TransportModuleOptions, unknown>;

/**
 * Checks the module's options and fills in the defaults.
 * @param where how the reader finds them: `TransportModule.forRoot`
 * @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID`, `TRANSPORT_OPTION_CONFLICT`, `TRANSPORT_CAPABILITY_UNSUPPORTED`
 */
export function resolveModuleOptions(where: string, options: TransportModuleOptions): ResolvedModuleOptions {
  checkOptions(where, options, RULES);
  const { service, subscriptions = {}, publishing = {}, require = [], codec, logger } = options;
  if (service === undefined) {
    throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: service is missing. Write service: 'inventory'.`);
  }
  checkOptions(`${where} subscriptions`, subscriptions, CONSUMING_RULES);
  refuseBatches(where, subscriptions);
  resolveConsumingOptions(`${where} subscriptions`, subscriptions);
  checkOptions(`${where} publishing`, publishing, PUBLISHING_RULES);
  const { drainTimeoutMs, responseStreamTimeoutMs, connect, consume } = withDefaults(
    options as CommonOptions,
    MODULE_DEFAULTS,
  );
  const brokers = brokersOf(where, options);
  const defaultBroker = brokers.has(ONLY_BROKER) ? ONLY_BROKER : ([...brokers.keys()][0] as string);
  rejectUnsupportedCapabilities(where, brokers, require);
  return {
    service,
    subscriptions,
    publishing,
    drainTimeoutMs,
    responseStreamTimeoutMs,
    connect,
    consume,
    codec,
    logger,
    brokers,
    defaultBroker,
  };
}

function brokersOf(where: string, { broker, brokers }: TransportModuleOptions): ReadonlyMap<string, Broker> {
  if (broker !== undefined && brokers !== undefined) {
    throw new TransportError('TRANSPORT_OPTION_CONFLICT', `${where}: give broker or brokers, not both.`);
  }
  if (broker !== undefined) return new Map([[ONLY_BROKER, broker]]);
  if (brokers !== undefined) return new Map(Object.entries(brokers));
  throw new TransportError(
    'TRANSPORT_OPTION_INVALID',
    `${where}: broker is missing. Write broker: memory(), or another driver's.`,
  );
}

function rejectUnsupportedCapabilities(
  where: string,
  brokers: ReadonlyMap<string, Broker>,
  names: readonly CapabilityName[],
): void {
  names.forEach((name) => refuseUnknownCapability(where, name));
  for (const [name, broker] of brokers) {
    const remedy = 'Take it out of require, or choose a broker that has it.';
    requireCapabilities(broker, names, `${where}: require, for broker "${name}",`, remedy);
  }
}

function refuseUnknownCapability(where: string, name: string): void {
  const known = Object.keys(CAPABILITY_MEANINGS);
  if (known.includes(name)) return;
  const nearest = nearestName(String(name), known);
  const hint = nearest === undefined ? `Known are ${known.join(', ')}.` : `Did you mean "${nearest}"?`;
  throw new TransportError(
    'TRANSPORT_OPTION_INVALID',
    `${where}: require names a capability "${name}" that does not exist. ${hint}`,
  );
}

/** n.b. for those whose types were silenced. */
function refuseBatches(where: string, { batch }: ConsumingOptions): void {
  if (batch === undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `${where} subscriptions: batch changes what a handler is given, so it cannot be said for all of them. Write it at each @Subscribe whose method takes arrays.`,
  );
}
