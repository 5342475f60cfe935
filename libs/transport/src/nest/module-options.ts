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
  /** Defaults for every subscription; options of `@Subscribe` override them field by field. */
  readonly subscriptions?: Omit<ConsumingOptions, 'batch'>;
  /** Options for publishing, the same for every broker. @default see `PublishingOptions` */
  readonly publishing?: PublishingOptions;
  /** The longest time a shutdown waits for running handlers, in milliseconds. Unsettled messages are redelivered, never lost. @default 25000 */
  readonly drainTimeoutMs?: number;
  /**
   * The longest time a handler's Observable may answer one request, in milliseconds, if the requester sends no timeout
   * (Nest's `client.send`). After it the Observable is unsubscribed and the requester gets an error. Without this limit, a stream that
   * never ends would occupy one of the `concurrency` slots permanently. @default 30000
   */
  readonly responseStreamTimeoutMs?: number;
  /**
   * What happens when no broker answers at start. `'wait'`: the application starts, keeps reconnecting, and is not ready until
   * it is connected. `'fail'`: the start fails. Errors that a retry cannot fix (login, certificate) fail the start in both cases.
   * @default 'wait'
   */
  readonly connect?: 'wait' | 'fail';
  /** Capabilities that every broker must support; the start fails if one is unsupported. @default none */
  readonly require?: readonly CapabilityName[];
  /** Encodes payloads to bytes and decodes them, for all brokers. @default JSON */
  readonly codec?: Codec;
  /** `false`: this process only publishes, as a script does; its `@Subscribe` handlers are not subscribed. @default true */
  readonly consume?: boolean;
  /** Receives the transport's log lines; `false` disables them. @default Nest's logger */
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
  /** Several brokers by name. The default broker is the one called `default`, otherwise the first. */
  readonly brokers: Readonly<Record<string, Broker>>;
}

/**
 * Options of `TransportModule.forRoot`: one `broker`, or several `brokers` by name. With several, the default broker is the one
 * called `default`, otherwise the first.
 */
export type TransportModuleOptions = CommonOptions & (OneBroker | NamedBrokers);

/** For `useClass` and `useExisting` of `TransportModule.forRootAsync`. */
export interface TransportOptionsFactory {
  /** Called once, before anything connects. */
  createTransportOptions(): TransportModuleOptions | Promise<TransportModuleOptions>;
}

/** Options of `TransportModule.forRootAsync`: one of `useFactory`, `useClass`, `useExisting`. */
export interface TransportModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Providers to pass to `useFactory`, in this order. @default none */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Creates the options; a Promise is awaited. */
  // `any[]`: only the user's factory knows the injected types.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly useFactory?: (...injected: any[]) => TransportModuleOptions | Promise<TransportModuleOptions>;
  /** A class that the module instantiates to create the options. */
  readonly useClass?: Type<TransportOptionsFactory>;
  /** A provider of `imports` that creates the options. */
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
    throw new TransportError(
      'TRANSPORT_OPTION_CONFLICT',
      `${where}: broker and brokers are both set. Set only one of them.`,
    );
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
    const remedy = 'Remove it from require, or choose a broker that supports it.';
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
    `${where}: require contains an unknown capability "${name}". ${hint}`,
  );
}

/** TypeScript rejects this too; the check is for code that bypasses the types. */
function refuseBatches(where: string, { batch }: ConsumingOptions): void {
  if (batch === undefined) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `${where} subscriptions: batch cannot be a module default, because it changes the parameter of a handler. Set it in each @Subscribe whose method takes arrays.`,
  );
}
