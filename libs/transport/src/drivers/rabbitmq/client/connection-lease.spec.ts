import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../../../testing/manual-clock.js';
import { ConnectionLease } from './connection-lease.js';

const HEARTBEAT_MS = 10_000;

/** The clock of a process that can be suspended: time passes and no timer runs. */
class StoppableClock extends ManualClock {
  #stoodMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#stoodMs;
  }

  stand(ms: number): void {
    this.#stoodMs += ms;
  }
}

function leased(heartbeatMs = HEARTBEAT_MS) {
  const clock = new StoppableClock();
  const scene = { clock, bytes: 0, asked: 0, confirmed: 0, answer: (): void => undefined };
  const ask = (): Promise<void> => {
    scene.asked++;
    return new Promise((resolve) => (scene.answer = resolve));
  };
  const lease = new ConnectionLease({ clock, heartbeatMs, bytesRead: () => scene.bytes, ask });
  lease.whenConfirmed(() => scene.confirmed++);
  return { scene, lease };
}

describe('the lease of a connection', () => {
  it('holds as long as data arrives', () => {
    const { scene, lease } = leased();
    for (let halves = 0; halves < 10; halves++) {
      scene.bytes++;
      scene.clock.advance(HEARTBEAT_MS / 2);
      expect(lease.holds).toBe(true);
    }
    expect(scene.asked).toBe(0);
  });

  it('ends when nothing arrived for one and a half heartbeats, before the server closes the connection', () => {
    const { scene, lease } = leased();
    scene.clock.advance(HEARTBEAT_MS);
    expect(lease.holds).toBe(true);
    scene.clock.advance(HEARTBEAT_MS);
    expect(lease.holds).toBe(false);
  });

  it('ends when the process is suspended, even with bytes to read; a response of the server restores it', async () => {
    const { scene, lease } = leased();
    scene.clock.stand(HEARTBEAT_MS * 2);
    scene.bytes += 1_000;
    expect(lease.holds).toBe(false);
    scene.clock.advance(HEARTBEAT_MS / 2);
    expect([lease.holds, scene.asked, scene.confirmed]).toEqual([false, 1, 0]);
    scene.answer();
    await turn();
    expect([lease.holds, scene.confirmed]).toEqual([true, 1]);
  });

  it('never ends without negotiated heartbeats, and leaves no timer behind', () => {
    const { scene, lease } = leased(0);
    scene.clock.stand(HEARTBEAT_MS * 100);
    expect([lease.holds, scene.clock.pending]).toEqual([true, 0]);
    const other = leased();
    other.lease.end();
    expect([other.lease.holds, other.scene.clock.pending]).toEqual([false, 0]);
  });
});
