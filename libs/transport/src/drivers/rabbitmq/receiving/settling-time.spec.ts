import { ManualClock } from '../../../testing/manual-clock.js';
import { SettlingTime } from './settling-time.js';

function after(settlements: number, placedInMs = 50): { readonly settling: SettlingTime; readonly clock: ManualClock } {
  const clock = new ManualClock();
  const settling = new SettlingTime(clock, placedInMs);
  for (let count = 0; count < settlements; count++) settling.settled();
  return { settling, clock };
}

describe('the close of a channel', () => {
  it('happens at once when few or no messages were settled just now', () => {
    expect(after(0).settling.leftMs).toBe(0);
    expect(after(24).settling.leftMs).toBe(0);
  });

  it('waits for many settlements at once, five times as long as the placing of the consumer took', () => {
    const { settling, clock } = after(25);
    expect(settling.leftMs).toBe(250);
    clock.advance(200);
    expect(settling.leftMs).toBe(50);
    clock.advance(50);
    expect(settling.leftMs).toBe(0);
  });

  it('waits at most a second and at least 200 ms', () => {
    expect(after(100, 60_000).settling.leftMs).toBe(1_000);
    expect(after(100, 1).settling.leftMs).toBe(200);
  });

  it('does not add up settlements with pauses between them', () => {
    const { settling, clock } = after(20);
    clock.advance(251);
    for (let count = 0; count < 20; count++) settling.settled();
    expect(settling.leftMs).toBe(0);
  });
});
