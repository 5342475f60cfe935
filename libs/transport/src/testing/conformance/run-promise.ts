import assert from 'node:assert/strict';
import {
  capabilityOf,
  messageOf,
  requireCapabilities,
  type Broker,
  type CapabilityName,
} from '../../contract/index.js';
import { restartableOf, type ConformanceOptions } from './options.js';
import type { ConformancePromise } from './promise.js';
import type { Outcome, PromiseResult } from './report.js';
import { assertNothingMoreOpen, openResources } from './resources.js';
import { Stage } from './stage.js';

/** How long closed sockets may take to be gone. */
const LEFTOVER_PATIENCE_MS = 2_000;

/** One promise on its way: its result, and how to end it early when the runner gave up on it. */
export interface RunningPromise {
  readonly result: Promise<PromiseResult & { readonly thrown?: unknown }>;
  close(): Promise<void>;
}

/** Finds out whether a driver keeps one promise. Never throws for a promise that is broken: the result says so. */
export async function runPromise(promise: ConformancePromise, options: ConformanceOptions): Promise<PromiseResult> {
  const { thrown: _, ...result } = await startPromise(promise, options).result;
  return result;
}

export function startPromise(promise: ConformancePromise, options: ConformanceOptions): RunningPromise {
  const stages: Stage[] = [];
  return {
    result: judge(promise, options, stages),
    close: async () => void (await Promise.all(stages.map((stage) => stage.close()))),
  };
}

async function judge(promise: ConformancePromise, options: ConformanceOptions, stages: Stage[]) {
  const { name, title, capability } = promise;
  const startedAt = performance.now();
  const about = { name, title, ...(capability === undefined ? {} : { capability }) };
  const durationMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const outcome = await play(promise, options, stages);
    return { ...about, outcome, durationMs: durationMs() };
  } catch (thrown) {
    return { ...about, outcome: 'broken' as const, durationMs: durationMs(), error: messageOf(thrown), thrown };
  }
}

async function play(promise: ConformancePromise, options: ConformanceOptions, stages: Stage[]): Promise<Outcome> {
  const broker = options.createBroker();
  if (promise.capability !== undefined && capabilityOf(broker.capabilities, promise.capability) === 'absent') {
    await assertRefused(broker, promise.capability, promise, options, stages);
    return 'refused';
  }
  const own = promise.on === 'restartable' ? restartableOf(options).createBroker() : broker;
  await runOn(new Stage(options, own), stages, (stage) => promise.run(stage));
  return 'kept';
}

/** What is absent has to be refused by code, where it is required by name and where an application just asks for it. */
async function assertRefused(
  broker: Broker,
  capability: CapabilityName,
  promise: ConformancePromise,
  options: ConformanceOptions,
  stages: Stage[],
): Promise<void> {
  const refusal = { code: 'TRANSPORT_CAPABILITY_ABSENT' };
  assert.throws(() => requireCapabilities(broker, [capability], 'The conformance suite'), refusal);
  const { ask } = promise;
  if (ask === undefined) return;
  await runOn(new Stage(options, broker), stages, (stage) => assert.rejects(ask(stage), refusal));
}

async function runOn(stage: Stage, stages: Stage[], body: (stage: Stage) => Promise<void>): Promise<void> {
  stages.push(stage);
  const before = openResources();
  try {
    await body(stage);
  } catch (error) {
    // Why the second fault is not told: it follows from the first, which is the one to read.
    await stage.close().catch(() => undefined);
    throw error;
  }
  await stage.close();
  await assertNothingMoreOpen(before, LEFTOVER_PATIENCE_MS);
}
