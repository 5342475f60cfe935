import type { Capabilities, CapabilityName } from '../../contract/index.js';

/** `passed` and `unsupported` are both good: an unsupported capability must be rejected, and was. */
export type Outcome = 'passed' | 'unsupported' | 'failed';

/** The result of one conformance case. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly capability?: CapabilityName;
  readonly outcome: Outcome;
  /** Milliseconds from start to outcome. */
  readonly durationMs: number;
  /** The error message of a failed case. */
  readonly error?: string;
}

/** A driver's run, as plain data: write it as JSON, print tables from it. */
export interface ConformanceReport {
  readonly driver: string;
  readonly capabilities: Capabilities;
  readonly cases: readonly CaseResult[];
}
