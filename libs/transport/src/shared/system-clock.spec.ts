import { systemClock } from './index.js';

describe('the clock', () => {
  it('does not run at once what is due in more days than a timer of Node can wait', async () => {
    let ran = false;
    const callOff = systemClock.schedule(2 ** 31, () => (ran = true));
    await new Promise((resolve) => systemClock.schedule(5, () => resolve(undefined)));
    callOff();
    expect(ran).toBe(false);
  });
});
