import { ManualClock } from '../../testing/manual-clock.js';
import { SuspectGate } from './suspect-gate.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(random: () => number = () => 0) {
  const clock = new ManualClock();
  const gate = new SuspectGate(clock, random);
  const running = new Set<string>();
  const start = (name: string, isSuspect: boolean): void => {
    if (isSuspect) gate.arrived();
    const turnComes = gate.enter(isSuspect);
    if (turnComes === undefined) running.add(name);
    else void turnComes.then(() => running.add(name));
  };
  const end = async (name: string, isSuspect: boolean): Promise<void> => {
    running.delete(name);
    if (isSuspect) gate.gone();
    gate.leave(isSuspect);
    await turn();
  };
  return { clock, gate, start, end, running: () => [...running] };
}

describe('a suspect', () => {
  it('waits for the handlers that run, and runs alone, one at a time, before anything new', async () => {
    const { start, end, running, clock } = setUp();
    start('a', false);
    start('suspect 1', true);
    start('suspect 2', true);
    start('b', false);
    clock.advance(1_000);
    await turn();
    expect(running()).toEqual(['a']);
    await end('a', false);
    expect(running()).toEqual(['suspect 1']);
    await end('suspect 1', true);
    expect(running()).toEqual(['suspect 2']);
    await end('suspect 2', true);
    expect(running()).toEqual(['b']);
  });

  it.each([0, 1_000])('leaves no timer when the process ends after it waited %i ms', async (ms) => {
    const { start, gate, running, clock } = setUp();
    start('a', false);
    start('suspect', true);
    clock.advance(ms);
    gate.end();
    expect(clock.pending).toBe(0);
    clock.advance(120_000);
    await turn();
    expect(running()).toEqual(['a']);
  });

  it('is any of those that wait, so that one which ends the process does not always come before the same others', async () => {
    const { start, end, running, clock } = setUp(() => 0.99);
    for (const name of ['1', '2', '3']) start(name, true);
    await turn();
    expect(running()).toEqual([]);
    clock.advance(1_000);
    await turn();
    expect(running()).toEqual(['3']);
    await end('3', true);
    expect(running()).toEqual(['2']);
  });

  it('is known to be the last when all others have had their end', async () => {
    const { gate, start, end, clock } = setUp();
    for (const name of ['1', '2']) start(name, true);
    clock.advance(1_000);
    await turn();
    expect(gate.isLast).toBe(false);
    await end('1', true);
    expect(gate.isLast).toBe(true);
  });

  it('runs beside a handler that does not end within a minute', async () => {
    const { start, clock, running } = setUp();
    start('endless', false);
    start('suspect', true);
    clock.advance(1_000);
    clock.advance(59_999);
    await turn();
    expect(running()).toEqual(['endless']);
    clock.advance(1);
    await turn();
    expect(running()).toEqual(['endless', 'suspect']);
  });
});

describe('without suspects', () => {
  it('everything runs at once', () => {
    const { start, running } = setUp();
    for (const name of ['a', 'b', 'c']) start(name, false);
    expect(running()).toEqual(['a', 'b', 'c']);
  });
});
