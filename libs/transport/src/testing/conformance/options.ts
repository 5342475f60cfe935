import type { Broker } from '../../contract/index.js';
import type { ConformanceReport } from './report.js';

/**
 * Options of the conformance suite for one driver. The suite reads the capabilities from the broker. A `native` or `emulated`
 * capability must pass its cases, an `unsupported` one must be rejected with its error code, and no case is skipped.
 */
export interface ConformanceOptions {
  /** Names the driver in test titles and in the report. */
  readonly name: string;
  /** Creates a new `Broker`, once per conformance case. All connections of one `Broker` must see the same messages. */
  readonly createBroker: () => Broker;
  /** Returns an unused topic name. @default `conformance-` and a random part */
  readonly topicName?: () => string;
  /** How to kill the broker's server. Required unless the driver's `durability` is `'unsupported'`. */
  readonly restartable?: RestartableBroker;
  /** Creates a broker whose server does not exist. Only an in-process broker may omit it. */
  readonly unreachableBroker?: () => Broker;
  /** A topic name that the broker does not accept; it must be rejected before anything is sent. @default the empty name */
  readonly refusedTopic?: string;
  /**
   * Stops the server from answering sends to this topic until the returned function is called. It must do so below the driver.
   * Without it, the suite holds the sends above the driver, and cannot test how the driver behaves meanwhile.
   */
  readonly stall?: (topic: string) => () => void;
  /** Returns what the server still holds for closed applications, such as connections or temporary topics; one sentence each. */
  readonly leftovers?: () => Promise<readonly string[]>;
  /** The large messages of the suite, in bytes; the driver's own limit where that is smaller. @default 1000000 */
  readonly largeBytes?: number;
  /** How long a case waits for an expected event, in milliseconds. Reached only if the case fails. @default 15000 */
  readonly deadlineMs?: number;
  /** Called once with the report, after the last case. */
  readonly onReport?: (report: ConformanceReport) => void;
}

/** A broker whose server the suite may kill, to check that confirmed messages survive. */
export interface RestartableBroker {
  /** Points at the server that `restart` kills; may be another one than the rest of the suite uses. */
  readonly createBroker: () => Broker;
  /** Kills the server (SIGKILL) and restarts it with its stored data. */
  readonly restart: () => Promise<void>;
}

/** Defaults of the suite's options. */
export const CONFORMANCE_DEFAULTS = {
  refusedTopic: '',
  largeBytes: 1_000_000,
  deadlineMs: 15_000,
} as const satisfies Partial<ConformanceOptions>;

/** Returns the restartable broker. @throws Error if the driver's author did not set the option */
export function restartableOf({ name, restartable }: ConformanceOptions): RestartableBroker {
  if (restartable !== undefined) return restartable;
  throw new Error(
    `The ${name} driver declares durability: a confirmed message survives a restart. To check it, the suite needs the option "restartable".`,
  );
}

/** The functions of Jest, Vitest or a similar test runner that the suite calls. Passing them in avoids a dependency. */
export interface TestRunner {
  /** Groups the tests of one run. */
  describe(title: string, body: () => void): void;
  /** Registers one conformance case. */
  test(title: string, body: () => Promise<void>, timeoutMs?: number): void;
  /** Closes a case that the runner timed out. */
  afterEach(body: () => Promise<void>): void;
  /** Passes on the report. */
  afterAll(body: () => Promise<void>): void;
}
