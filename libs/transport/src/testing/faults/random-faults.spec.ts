import { defineEvent, type Delivery } from '../../contract/index.js';
import type { ConsumingOptions } from '../../consuming/index.js';
import { memory } from '../../drivers/memory/index.js';
import { Settling } from '../transport/settling.js';
import { isOpen } from '../transport/story-text.js';
import { TestWorld } from '../transport/test-world.js';
import { LoneHandler } from '../fault-tests/lone-handler.js';
import { randomFaults } from './random-faults.js';
import type { RandomFaultsOptions } from './random-faults-options.js';

interface Step {
  readonly key: string;
  readonly n: number;
}
const StepTaken = defineEvent<Step>('step.taken', { key: ({ key }) => key });

interface Handled {
  readonly step: string;
  readonly attempt: number;
  readonly atMs: number;
}

/** Publishes `a0`, `b1`, `a2`, ... and tells what the handler saw, and which faults hit. */
async function play(
  faults: RandomFaultsOptions,
  { count = 6, keys = 'ab', subscription = {}, handle = () => undefined }: Partial<PlayOptions> = {},
) {
  const world = new TestWorld(1);
  const seen: Handled[] = [];
  const lone = new LoneHandler(
    async ({ key, n }, delivery: Delivery) => {
      seen.push({ step: `${key}${n}`, attempt: delivery.attempt, atMs: world.atMs });
      await handle(n, delivery);
    },
    StepTaken,
    world,
    { faults: { seed: 3, ...faults }, subscription },
  );
  await lone.start();
  const unknown: unknown[] = [];
  for (let n = 0; n < count; n++) {
    const key = keys[n % keys.length] as string;
    await lone.publish({ key, n }).catch((error: unknown) => unknown.push(error));
  }
  await new Settling(world).until(() => world.records.filter((record) => isOpen(record, world)), 2_000);
  await lone.close();
  const struck = world.records.flatMap(({ happenings, message }) =>
    happenings.flatMap((each) => (each.what === 'fault' ? [`${each.kind} ${String(message.body)}`] : [])),
  );
  return { seen, steps: seen.map(({ step }) => step), struck, unknown, world };
}

interface PlayOptions {
  readonly count: number;
  readonly keys: string;
  readonly subscription: ConsumingOptions;
  readonly handle: (n: number, delivery: Delivery) => unknown;
}

const ofKey = (steps: readonly string[], key: string): string => steps.filter((step) => step.startsWith(key)).join(' ');

describe('an unreliable broker', () => {
  it('is a reliable one when no fault is asked for', async () => {
    const { steps, struck } = await play({});
    expect([[...steps].sort(), struck]).toEqual([['a0', 'a2', 'a4', 'b1', 'b3', 'b5'], []]);
  });

  it('delivers again what was settled: duplicate, before the next of the same key', async () => {
    const { steps } = await play({ duplicate: 1 });
    expect(ofKey(steps, 'a')).toBe('a0 a0 a2 a2 a4 a4');
  });

  it('loses settlements in a row: loseAck, and what follows comes again with it, in its order', async () => {
    const { steps } = await play({ loseAck: 0.4 }, { count: 12, keys: 'a' });
    const firsts = [...new Set(steps)];
    expect(firsts).toEqual(Array.from({ length: 12 }, (_, n) => `a${n}`));
    const jumps = steps.slice(1).map((step, index) => number(step) - number(steps[index] as string));
    expect(Math.min(...jumps)).toBeLessThan(0);
    expect(jumps.every((jump) => jump <= 1)).toBe(true);
  });

  it('tears the connection away under a handler: crashInHandler, and brings all that ran again, without another attempt', async () => {
    const { seen, struck } = await play({ crashInHandler: 1 }, { count: 2 });
    expect(struck).toHaveLength(2);
    expect(new Set(seen.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    const times = (step: string): number => seen.filter((each) => each.step === step).length;
    expect([times('a0'), times('b1')].every((count) => count >= 2)).toBe(true);
  });

  it('passes messages of one key by those of others: reorder; by all where no order is asked for', async () => {
    const { steps } = await play({ reorder: 0.5 }, { count: 40, keys: 'abcdefgh' });
    expect(steps.map(number)).not.toEqual([...steps.map(number)].sort((a, b) => a - b));
    for (const key of 'abcdefgh') expect(ofKey(steps, key)).toBe(ofKey([...steps].sort(byNumber), key));
    const free = await play({ reorder: 0.5 }, { count: 40, keys: 'a', subscription: { ordering: 'none' } });
    expect(free.steps).not.toEqual([...free.steps].sort(byNumber));
  });

  it('delivers late, by at most maxDelayMs: delay', async () => {
    const { seen } = await play({ delay: 1, maxDelayMs: 500 }, { keys: 'abcdef' });
    const latest = Math.max(...seen.map(({ atMs }) => atMs));
    expect(latest).toBeGreaterThan(20);
    expect(latest).toBeLessThanOrEqual(500);
  });

  it('does not store a dead letter at the first try: failDeadLetter, and it is stored all the same', async () => {
    const fails = (): never => {
      throw new Error('no');
    };
    const subscription = { retry: { maxAttempts: 1 } };
    const { world, struck } = await play({ failDeadLetter: 1 }, { count: 1, handle: fails, subscription });
    expect(struck).toHaveLength(1);
    expect(world.records[0]?.happenings.map(({ what }) => what)).toEqual([
      'delivered',
      'dead-letter-failed',
      'dead-lettered',
    ]);
  });

  it('stores without saying so: loseConfirmation', async () => {
    const { steps, unknown } = await play({ loseConfirmation: 1 }, { count: 2 });
    expect([...steps].sort()).toEqual(['a0', 'b1']);
    expect(unknown).toEqual(Array(2).fill(expect.objectContaining({ code: 'TRANSPORT_PUBLISH_UNKNOWN' })));
  });

  it('counts failed attempts through a crash, and keeps the wait before the next', async () => {
    let failures = 0;
    const handle = (): void => {
      if (failures++ < 2) throw new Error('not yet');
    };
    const subscription = { retry: { maxAttempts: 5, initialDelayMs: 10_000 } };
    const { seen } = await play({ crashInHandler: 1, seed: 1 }, { count: 1, handle, subscription });
    expect(seen.map(({ attempt }) => attempt).at(-1)).toBe(3);
    expect(seen.at(-1)?.atMs).toBeGreaterThan(100);
  });

  it('has the same faults in the same places for a seed, and others for another', async () => {
    const all = { duplicate: 0.3, reorder: 0.3, delay: 0.3, loseAck: 0.3, crashInHandler: 0.2 };
    const [first, again, other] = [
      await play({ ...all, seed: 7 }, { count: 30 }),
      await play({ ...all, seed: 7 }, { count: 30 }),
      await play({ ...all, seed: 8 }, { count: 30 }),
    ];
    expect(first.struck.length).toBeGreaterThan(10);
    expect([again.struck, again.seen]).toEqual([first.struck, first.seen]);
    expect(other.struck).not.toEqual(first.struck);
  });

  it('tells its seed, and what it did to which message', async () => {
    const broker = randomFaults(memory(), { duplicate: 1 });
    expect(broker.seed).toEqual(expect.any(Number));
    expect(broker.injected).toEqual([]);
    expect([broker.driver, broker.capabilities]).toEqual(['memory', memory().capabilities]);
  });

  it.each([
    [{ duplicate: 1.5 }, 'duplicate must be a number from 0 to 1, got 1.5'],
    [{ duplicates: 0.5 }, 'has no option "duplicates". Did you mean "duplicate"?'],
    [{ seed: -1 }, 'seed must be an integer >= 0, got -1'],
  ])('refuses %j', (options, sentence) => {
    expect(() => randomFaults(memory(), options as RandomFaultsOptions)).toThrow(sentence);
  });
});

const number = (step: string): number => Number(step.slice(1));
const byNumber = (a: string, b: string): number => number(a) - number(b);
