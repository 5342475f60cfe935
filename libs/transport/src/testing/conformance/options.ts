import type { Broker } from '../../contract/index.js';
import type { ConformanceReport } from './report.js';

/**
 * What the suite has to know of a driver. It asks the broker itself for its capabilities: a promise that is `native` or
 * `emulated` must be kept, one that is `absent` must be refused by code, and none is skipped.
 */
export interface ConformanceOptions {
  /** Names the driver in test titles and in the report. */
  readonly name: string;
  /** A new `Broker` value, called once per promise. What one value has stored, its connections must see. */
  readonly createBroker: () => Broker;
  /** A topic name that nobody has used. @default `conformance-` and a random part */
  readonly topicName?: () => string;
  /** How to kill the broker's server. Needed unless the driver's durability is absent. */
  readonly restartable?: RestartableBroker;
  /** A broker value that points where no server is. Left out only by a broker that lives in the process. */
  readonly unreachableBroker?: () => Broker;
  /** A topic name that the broker does not accept; it must be refused before anything is sent. @default the empty name */
  readonly refusedTopic?: string;
  /**
   * Stops the server from answering sends to this topic until the returned function is called. It must do so below the driver.
   * Left out: the suite holds the sends above the driver, and cannot see how the driver behaves when they wait.
   */
  readonly stall?: (topic: string) => () => void;
  /** What the server still holds open for applications that are closed: connections, temporary topics. One sentence each. */
  readonly leftovers?: () => Promise<readonly string[]>;
  /** The large messages of the suite, in bytes; the driver's own limit where that is smaller. @default 1000000 */
  readonly largeBytes?: number;
  /** How long a promise waits for what must happen. Reached only when the promise is broken. @default 15000 */
  readonly deadlineMs?: number;
  /** Told once, after the last promise. */
  readonly onReport?: (report: ConformanceReport) => void;
}

/** A broker whose server the suite may kill, to see that what was confirmed survives. */
export interface RestartableBroker {
  /** Points at the server that `restart` kills; may be another one than the rest of the suite uses. */
  readonly createBroker: () => Broker;
  /** Kills the server, hard, and brings it back with what it had stored. */
  readonly restart: () => Promise<void>;
}

/** What an option of the suite is when it is left out. */
export const CONFORMANCE_DEFAULTS = {
  refusedTopic: '',
  largeBytes: 1_000_000,
  deadlineMs: 15_000,
} as const satisfies Partial<ConformanceOptions>;

/** @throws Error that says what to write, when the driver's author gave no way to kill the server */
export function restartableOf({ name, restartable }: ConformanceOptions): RestartableBroker {
  if (restartable !== undefined) return restartable;
  throw new Error(
    `The ${name} driver says that a confirmed message survives a restart. Give the suite a way to show it: option "restartable".`,
  );
}

/** The parts of Jest, Vitest or any runner like them that the suite uses; handed in, so that it depends on none. */
export interface TestRunner {
  /** Groups the tests of one run. */
  describe(title: string, body: () => void): void;
  /** One promise. */
  test(title: string, body: () => Promise<void>, timeoutMs?: number): void;
  /** Ends a promise with which the runner lost its patience. */
  afterEach(body: () => Promise<void>): void;
  /** Hands over the report. */
  afterAll(body: () => Promise<void>): void;
}
