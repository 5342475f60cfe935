import assert from 'node:assert/strict';
import {
  capabilityOf,
  messageOf,
  requireCapabilities,
  type Broker,
  type CapabilityName,
} from '../../contract/index.js';
import { restartableOf, type ConformanceOptions } from './options.js';
import type { ConformanceCase } from './conformance-case.js';
import type { Outcome, CaseResult } from './report.js';
import { assertNothingMoreOpen, openResources } from './resources.js';
import { Stage } from './stage.js';

/** How long closed sockets may take to be gone. */
const LEFTOVER_PATIENCE_MS = 2_000;

/** A running conformance case: its result, and how to end it early after a timeout of the runner. */
export interface RunningCase {
  readonly result: Promise<CaseResult & { readonly thrown?: unknown }>;
  close(): Promise<void>;
}

/** Runs one conformance case. Does not throw if it fails: the result says so. */
export async function runConformanceCase(testCase: ConformanceCase, options: ConformanceOptions): Promise<CaseResult> {
  const { thrown: _, ...result } = await startConformanceCase(testCase, options).result;
  return result;
}

export function startConformanceCase(testCase: ConformanceCase, options: ConformanceOptions): RunningCase {
  const stages: Stage[] = [];
  return {
    result: judge(testCase, options, stages),
    close: async () => void (await Promise.all(stages.map((stage) => stage.close()))),
  };
}

async function judge(testCase: ConformanceCase, options: ConformanceOptions, stages: Stage[]) {
  const { name, title, capability } = testCase;
  const startedAt = performance.now();
  const about = { name, title, ...(capability === undefined ? {} : { capability }) };
  const durationMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const outcome = await play(testCase, options, stages);
    return { ...about, outcome, durationMs: durationMs() };
  } catch (thrown) {
    return { ...about, outcome: 'failed' as const, durationMs: durationMs(), error: messageOf(thrown), thrown };
  }
}

async function play(testCase: ConformanceCase, options: ConformanceOptions, stages: Stage[]): Promise<Outcome> {
  const broker = options.createBroker();
  if (testCase.capability !== undefined && capabilityOf(broker.capabilities, testCase.capability) === 'unsupported') {
    await assertRefused(broker, testCase.capability, testCase, options, stages);
    return 'unsupported';
  }
  const own = testCase.on === 'restartable' ? restartableOf(options).createBroker() : broker;
  await runOn(new Stage(options, own), stages, (stage) => testCase.run(stage));
  return 'passed';
}

/** Checks that an unsupported capability is rejected, both when it is required explicitly and when an application uses it. */
async function assertRefused(
  broker: Broker,
  capability: CapabilityName,
  testCase: ConformanceCase,
  options: ConformanceOptions,
  stages: Stage[],
): Promise<void> {
  const refusal = { code: 'TRANSPORT_CAPABILITY_UNSUPPORTED' };
  assert.throws(() => requireCapabilities(broker, [capability], 'The conformance suite'), refusal);
  const { ask } = testCase;
  if (ask === undefined) return;
  await runOn(new Stage(options, broker), stages, (stage) => assert.rejects(ask(stage), refusal));
}

async function runOn(stage: Stage, stages: Stage[], body: (stage: Stage) => Promise<void>): Promise<void> {
  stages.push(stage);
  const before = openResources();
  try {
    await body(stage);
  } catch (error) {
    // The second fault is not reported: it follows from the first, which is the one to read.
    await stage.close().catch(() => undefined);
    throw error;
  }
  await stage.close();
  await assertNothingMoreOpen(before, LEFTOVER_PATIENCE_MS);
}
