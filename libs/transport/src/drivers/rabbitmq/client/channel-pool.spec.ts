import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import { ManualClock } from '../../../testing/manual-clock.js';
import { ChannelPool } from './channel-pool.js';
import type { Link } from './link.js';

/** A pool over a connection whose server allows this many channels. */
function pooled(channelMax: number) {
  const clock = new ManualClock();
  const scene = { clock, opened: 0, closed: 0 };
  const createConfirmChannel = (): Promise<unknown> => {
    scene.opened++;
    const close = (): Promise<void> => Promise.resolve(void scene.closed++);
    return Promise.resolve(Object.assign(new EventEmitter(), { close }));
  };
  const model = { createConfirmChannel, connection: { channelMax } } as unknown as ChannelModel;
  const link = { model, open: () => Promise.resolve(model) } as unknown as Link;
  return { scene, clock, pool: new ChannelPool(link, clock) };
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('a pool of confirm channels', () => {
  it('lends a channel to one user at a time, and again after its release', async () => {
    const { scene, pool } = pooled(2_047);
    const [first, second] = await Promise.all([pool.take(), pool.take()]);
    expect(first).not.toBe(second);
    pool.release(first);
    expect(await pool.take()).toBe(first);
    expect(scene.opened).toBe(2);
  });

  it('closes a channel that rejected a publish a second ago, because RabbitMQ keeps rejecting there', async () => {
    const { scene, clock, pool } = pooled(2_047);
    const refused = Object.defineProperty(await pool.take(), 'hasRefused', { value: true });
    pool.release(refused);
    expect(await pool.take()).toBe(refused);
    pool.release(refused);
    clock.advance(1_500);
    expect(await pool.take()).not.toBe(refused);
    expect(scene.closed).toBe(1);
  });

  it('lends further channels to one user only as far as half of the free ones stay free', async () => {
    const { pool } = pooled(16);
    const first = await pool.take();
    expect(await pool.takeFree(9)).toHaveLength(3);
    expect(await pool.takeFree(9)).toHaveLength(2);
    expect(await pool.takeFree(1)).toHaveLength(1);
    expect(await pool.takeFree(1)).toHaveLength(0);
    pool.release(first);
    expect(await pool.take()).toBe(first);
  });

  it('lends at most half of the channels that the server allows; the next user waits for a release', async () => {
    const { pool } = pooled(4);
    const [first] = await Promise.all([pool.take(), pool.take()]);
    let third: unknown;
    void pool.take().then((channel) => (third = channel));
    await turn();
    expect(third).toBeUndefined();
    pool.release(first);
    await turn();
    expect(third).toBe(first);
  });

  it('fails a wait after 10 s, and leaves nothing behind', async () => {
    const { clock, pool } = pooled(2);
    const only = await pool.take();
    const waits = expect(pool.take()).rejects.toMatchObject({ code: 'TRANSPORT_PUBLISH_FAILED', retryable: true });
    await turn();
    clock.advance(10_000);
    await waits;
    pool.release(only);
    expect(await pool.take()).toBe(only);
    expect(clock.pending).toBe(0);
  });

  it('keeps at most 32 idle channels', async () => {
    const { scene, pool } = pooled(2_047);
    for (const channel of await Promise.all(times(240, () => pool.take()))) pool.release(channel);
    expect([scene.opened, scene.closed]).toEqual([240, 240 - 32]);
  });
});
