import { isTransportError } from '../../contract/index.js';
import type { RandomFaultsOptions } from '../faults/random-faults-options.js';
import type { MessageRecord } from '../transport/message-record.js';
import { Settling } from '../transport/settling.js';
import { Story } from '../transport/story.js';
import { isOpen } from '../transport/story-text.js';
import { worldOf } from '../transport/test-transport.js';
import { TestWorld } from '../transport/test-world.js';
import { LoneHandler } from './lone-handler.js';
import type { ApplicationUnderTest, HandlerUnderTest, FaultTest } from './fault-test-options.js';

/** How one run ended. */
export interface FaultTestRun {
  readonly state: unknown;
  /** Handlings that succeeded. */
  readonly handled: number;
  /** Faults that hit. */
  readonly faults: number;
  /** Why it did not come to its end, or what was lost on the way. */
  readonly complaint: Error | undefined;
  readonly story: string;
}

/** What a run needs of its subject, whatever that is. */
interface Stage<In> {
  readonly world: TestWorld;
  publish(payload: In): Promise<void>;
  settle(): Promise<unknown>;
  state(): unknown;
  close(): Promise<void>;
}

/** One run of what is tried, under these faults: publishes, waits for the end, and looks. */
export async function runFaultTest<In, Out>(
  faultTest: FaultTest<In, Out>,
  seed: number,
  faults: Omit<RandomFaultsOptions, 'seed'> = faultTest.faults,
): Promise<FaultTestRun> {
  const stage = await open(faultTest, seed, faults);
  try {
    for (const payload of faultTest.payloadsOf(seed)) await publish(stage, payload);
    const complaint = await stage.settle().then(
      () => judge(stage.world),
      (error: unknown) => error as Error,
    );
    return { ...resultOf(stage.world), complaint, state: structured(await stage.state()) };
  } finally {
    await stage.close();
  }
}

/** Ignores a publish with outcome "unknown": `loseConfirmation` causes it on purpose, and the message is stored. */
async function publish<In>({ publish }: Stage<In>, payload: In): Promise<void> {
  try {
    await publish(payload);
  } catch (error) {
    if (!isTransportError(error, 'TRANSPORT_PUBLISH_UNKNOWN')) throw error;
  }
}

function judge({ history }: TestWorld): Error | undefined {
  try {
    history.assertNothingLost();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function resultOf(world: TestWorld): Pick<FaultTestRun, 'handled' | 'faults' | 'story'> {
  const happenings = world.records.flatMap((record) => record.happenings);
  const isHit = (record: MessageRecord): boolean => record.happenings.some(({ what }) => what === 'fault');
  const hit = world.records.filter((record) => isHit(record) || isOpen(record, world));
  const told = hit.length === 0 ? world.records : hit;
  return {
    handled: world.history.entries.filter((entry) => entry.what === 'handled' && entry.outcome === 'ok').length,
    faults: happenings.filter(({ what }) => what === 'fault').length,
    story: new Story(world, () => told.slice(0, MOST_TOLD)).toString(),
  };
}

/** Messages of a failure's story: the first few show how it starts. */
const MOST_TOLD = 5;

/** Returns a copy, because the state may still change while the subject closes. */
function structured(state: unknown): unknown {
  try {
    return structuredClone(state);
  } catch {
    return state;
  }
}

async function open<In, Out>(
  faultTest: FaultTest<In, Out>,
  seed: number,
  faults: Omit<RandomFaultsOptions, 'seed'>,
): Promise<Stage<In>> {
  const subject = await faultTest.start({ seed, faults, timeoutMs: faultTest.timeoutMs });
  return 'transport' in subject ? ofApplication(faultTest, subject) : await ofHandler(faultTest, subject, seed, faults);
}

function ofApplication<In, Out>({ event }: FaultTest<In, Out>, subject: ApplicationUnderTest): Stage<In> {
  const { transport } = subject;
  return {
    world: worldOf(transport),
    publish: (payload) => transport.publish(event, payload),
    settle: () => transport.settle(),
    state: () => subject.state(),
    close: async () => {
      await transport.close();
      await subject.close?.();
    },
  };
}

async function ofHandler<In, Out>(
  { event, subscription, timeoutMs }: FaultTest<In, Out>,
  subject: HandlerUnderTest<Out>,
  seed: number,
  faults: Omit<RandomFaultsOptions, 'seed'>,
): Promise<Stage<In>> {
  const world = new TestWorld(seed, true);
  const handle = subject.handle.bind(subject);
  const lone = new LoneHandler(handle, event, world, { subscription, faults: { ...faults, seed } });
  await lone.start();
  const left = () => world.records.filter((record) => isOpen(record, world));
  return {
    world,
    publish: (payload) => lone.publish(payload),
    settle: () => new Settling(world).until(left, timeoutMs),
    state: () => subject.state(),
    close: async () => {
      await lone.close();
      await subject.close?.();
    },
  };
}
