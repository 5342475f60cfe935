import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../../testing/manual-clock.js';
import type { Dialer } from './dialer.js';
import { errorOf } from './failures.js';
import { Link } from './link.js';

/** A link to a server that never answers, and how often it was dialed. */
function unreachable() {
  const clock = new ManualClock();
  const scene = { clock, dials: 0 };
  const dial = (): Promise<never> => {
    scene.dials++;
    return Promise.reject(errorOf('TRANSPORT_BROKER_UNREACHABLE', 'nobody listens.', { retryable: true }));
  };
  return { scene, clock, link: new Link({ dial } as unknown as Dialer, clock) };
}

describe('a link to a server that is unreachable', () => {
  it('is not dialed again by open() until the backoff has passed', async () => {
    const { scene, clock, link } = unreachable();
    for (let tries = 0; tries < 120; tries++) {
      await expect(link.open()).rejects.toMatchObject({ code: 'TRANSPORT_BROKER_UNREACHABLE', retryable: true });
      clock.advance(50);
      await turn();
    }
    expect(scene.dials).toBeLessThanOrEqual(5);
  });

  it('is dialed at once by dial(), whose caller has its own backoff', async () => {
    const { scene, link } = unreachable();
    for (let tries = 0; tries < 3; tries++) await expect(link.dial()).rejects.toThrow('nobody listens');
    expect(scene.dials).toBe(3);
  });
});
