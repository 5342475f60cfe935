import { setImmediate as turn } from 'node:timers/promises';
import { TransportError } from '../../../contract/index.js';
import { ManualClock } from '../../../testing/manual-clock.js';
import { BindingWatch } from './binding-watch.js';

const gone = new TransportError('TRANSPORT_TOPIC_MISSING', 'no exchange');

function watched(everyMs = 5_000) {
  const clock = new ManualClock();
  const told: string[] = [];
  const scene = { clock, told, looks: 0, renew: (): TransportError | undefined => undefined };
  const watch = new BindingWatch({
    clock,
    everyMs,
    renew: async () => {
      scene.looks++;
      return scene.renew();
    },
    lost: (_, againInMs) => told.push(`lost, again in ${againInMs}`),
    back: () => told.push('back'),
  });
  const after = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  return { scene, watch, after };
}

describe('a watch over the bindings of a queue', () => {
  it('checks periodically and reports nothing when everything exists', async () => {
    const { scene, watch, after } = watched();
    for (const ms of [4_999, 1, 4_999, 1]) await after(ms);
    expect([scene.looks, scene.told]).toEqual([2, []]);
    watch.stop();
    expect(scene.clock.pending).toBe(0);
  });

  it('reports what was missing and declared again', async () => {
    const { scene, watch, after } = watched();
    scene.renew = () => gone;
    await after(5_000);
    expect([scene.told, watch.problem]).toEqual([['lost, again in 0', 'back'], undefined]);
  });

  it('retries with growing pauses when it cannot be declared, reports that meanwhile, and reports when it exists again', async () => {
    const { scene, watch, after } = watched();
    scene.renew = () => {
      throw gone;
    };
    for (const ms of [5_000, 200, 400]) await after(ms);
    expect(watch.problem).toBe(gone.message);
    scene.renew = () => undefined;
    await after(800);
    expect(scene.told).toEqual(['lost, again in 200', 'lost, again in 400', 'lost, again in 800', 'back']);
    expect(watch.problem).toBeUndefined();
  });

  it('reports an unroutable publish, unless the binding has just been declared', async () => {
    const { scene, watch, after } = watched(0);
    await watch.look(gone);
    expect(scene.told).toEqual([]);
    await after(1_001);
    await watch.look(gone);
    expect(scene.told).toEqual(['lost, again in 0', 'back']);
    expect([scene.looks, scene.clock.pending]).toEqual([2, 0]);
  });

  it('reports nothing once it is stopped', async () => {
    const { scene, watch } = watched();
    scene.renew = () => gone;
    const look = watch.look();
    watch.stop();
    await look;
    expect([scene.told, scene.clock.pending]).toEqual([[], 0]);
  });
});
