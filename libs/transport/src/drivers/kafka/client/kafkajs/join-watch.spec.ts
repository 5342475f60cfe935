import { JoinWatch } from './join-watch.js';

const LATER_MS = 2_600;
const watch = new JoinWatch(30_000);
const refusal = Object.assign(new Error('The coordinator is loading'), { type: 'GROUP_LOAD_IN_PROGRESS' });
const fails = (): Promise<never> => Promise.reject(refusal);
const failed = (join: JoinWatch): Promise<unknown> => join.step(fails).catch((error: unknown) => error);

describe('a join', () => {
  it('is given up when a step failed and no other try follows', async () => {
    expect(await failed(watch)).toBe(refusal);
    expect(watch.givenUp(performance.now())).toBeUndefined();
    expect(watch.givenUp(performance.now() + LATER_MS)).toMatchObject({ protocol: 'GROUP_LOAD_IN_PROGRESS' });
  });

  it('continues with the next attempt, however long its steps take', async () => {
    await failed(watch);
    let answer = (): void => undefined;
    const step = watch.step(() => new Promise<void>((resolve) => (answer = resolve)));
    expect(watch.givenUp(performance.now() + 600_000)).toBeUndefined();
    answer();
    await step;
    expect(watch.givenUp(performance.now() + LATER_MS)).toBeUndefined();
    expect(watch.givenUp(performance.now() + 31_000)).toMatchObject({ reason: 'timeout' });
  });

  it('is over when the member has joined', async () => {
    await watch.step(() => Promise.resolve());
    watch.joined();
    expect(watch.givenUp(performance.now() + 600_000)).toBeUndefined();
  });
});
