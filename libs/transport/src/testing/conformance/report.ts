import type { Capabilities, CapabilityName } from '../../contract/index.js';

/** `kept` and `refused` are both well: what is absent has to be refused. */
export type Outcome = 'passed' | 'unsupported' | 'failed';

/** What became of one promise. */
export interface CaseResult {
  readonly name: string;
  readonly title: string;
  readonly capability?: CapabilityName;
  readonly outcome: Outcome;
  /** From its beginning to its outcome. */
  readonly durationMs: number;
  /** Only where it is broken. */
  readonly error?: string;
}

/** A driver's run, as plain data: write it as JSON, print tables from it. */
export interface ConformanceReport {
  readonly driver: string;
  readonly capabilities: Capabilities;
  readonly cases: readonly CaseResult[];
}
