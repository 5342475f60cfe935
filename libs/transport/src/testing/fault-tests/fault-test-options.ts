import { TransportError, type EventDefinition, type MessageContext } from '../../contract/index.js';
import { checkOptions, option } from '../../shared/index.js';
import type { ConsumingOptions } from '../../consuming/index.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import type { TestApplication } from '../transport/test-application.js';
import type { TestTransport, TestTransportOptions } from '../transport/test-transport.js';

/** A handler without an application, with its state. */
export interface HandlerUnderTest<Out> {
  /** Called as a `@Subscribe` handler is; what it throws is a failed attempt. */
  handle(payload: Out, context: MessageContext): unknown;
  /** Returns the final state, which is compared deeply. Sort collections without an order. */
  state(): unknown;
  /** Called when the run is over. */
  close?(): unknown;
}

/** A whole application. The fault test closes its transport. */
export interface ApplicationUnderTest {
  readonly transport: TestTransport<TestApplication>;
  /** Returns the final state, which is compared deeply. Sort collections without an order. */
  state(): unknown;
  /** Called when the run is over, after the transport is closed. */
  close?(): unknown;
}

/**
 * Creates the handler or application under test, with its own state, for each run. An application passes the options on:
 * `TestTransport.start(module, options)`.
 */
export type StartFaultTest<Out> = (
  options: TestTransportOptions,
) => HandlerUnderTest<Out> | ApplicationUnderTest | Promise<HandlerUnderTest<Out> | ApplicationUnderTest>;

/** Options of a fault test: what it publishes, and under which faults. */
export interface FaultTestOptions<In, Out> {
  /** The event or topic of `payloads`. */
  readonly event: EventDefinition<In, Out>;
  /** Payloads to publish, in this order; or a function that generates them from a seed. */
  readonly payloads: readonly In[] | ((seed: number) => readonly In[]);
  /** Fault rates. @default those of `FAULT_TEST_DEFAULTS` */
  readonly faults?: Omit<RandomFaultsOptions, 'seed'>;
  /** Runs only this seed, to replay a failure. @default the seeds 1 to `runs` */
  readonly seed?: number;
  /** Number of runs, each with its own seed. Integer >= 1. @default 20 */
  readonly runs?: number;
  /** Subscription options of a handler without an application: ordering, concurrency, retry. @default as `@Subscribe` without options */
  readonly subscription?: ConsumingOptions;
  /** How long a run waits without progress, in real milliseconds. Integer >= 1. @default 1000 */
  readonly timeoutMs?: number;
}

/** Defaults of a fault test's options. */
export const FAULT_TEST_DEFAULTS = {
  runs: 20,
  timeoutMs: 1_000,
  faults: { duplicate: 0.3, reorder: 0.3, loseAck: 0.2, crashInHandler: 0.1, failDeadLetter: 0.3 },
} as const;

const RULES = {
  event: option.record,
  payloads: option.either(
    { expected: 'an array', accepts: (value) => Array.isArray(value) && value.length > 0 },
    option.fn,
  ),
  faults: option.record,
  seed: option.integer(0),
  runs: option.integer(1),
  subscription: option.record,
  timeoutMs: option.integer(1),
} as const satisfies Record<keyof FaultTestOptions<unknown, unknown>, unknown>;

/** A fault test with every default filled in. */
export interface FaultTest<In, Out> {
  readonly start: StartFaultTest<Out>;
  readonly event: EventDefinition<In, Out>;
  readonly payloadsOf: (seed: number) => readonly In[];
  readonly faults: Omit<RandomFaultsOptions, 'seed'>;
  readonly seeds: readonly number[];
  readonly subscription: ConsumingOptions;
  readonly timeoutMs: number;
}

/** @throws TransportError `TRANSPORT_OPTION_UNKNOWN`, `TRANSPORT_OPTION_INVALID` */
export function resolveFaultTest<In, Out>(
  where: string,
  start: StartFaultTest<Out>,
  options: FaultTestOptions<In, Out>,
): FaultTest<In, Out> {
  checkOptions(where, options, RULES);
  const { event, payloads, seed } = options;
  if (event === undefined || payloads === undefined) {
    const missing = event === undefined ? 'event' : 'payloads';
    throw new TransportError('TRANSPORT_OPTION_INVALID', `${where}: ${missing} is missing.`);
  }
  const { runs = FAULT_TEST_DEFAULTS.runs, faults = FAULT_TEST_DEFAULTS.faults } = options;
  return {
    start,
    event,
    faults,
    payloadsOf: typeof payloads === 'function' ? payloads : () => payloads,
    seeds: seed === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : [seed],
    subscription: options.subscription ?? {},
    timeoutMs: options.timeoutMs ?? FAULT_TEST_DEFAULTS.timeoutMs,
  };
}
