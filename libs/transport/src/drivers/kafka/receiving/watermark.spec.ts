import { Watermark } from './watermark.js';

const filled = (offsets: number[], start = offsets[0] ?? 0): Watermark<string> => {
  const watermark = new Watermark<string>(start, 4);
  for (const offset of offsets) watermark.hold(watermark.add(offset), `at ${offset}`);
  return watermark;
};

describe('the watermark of a partition', () => {
  it('stands at the lowest message that is not done', () => {
    const watermark = filled([10, 11, 12, 13]);
    watermark.settle(1);
    watermark.settle(2);
    expect(watermark.headOffset).toBe(10);
    watermark.settle(0);
    expect(watermark.headOffset).toBe(13);
  });

  it('is one after the last received when all are done', () => {
    const watermark = filled([10, 11]);
    watermark.settle(1);
    watermark.settle(0);
    expect(watermark.headOffset).toBe(12);
    expect(filled([], 7).headOffset).toBe(7);
  });

  it('walks over offsets that were never received', () => {
    const watermark = filled([10, 14, 20]);
    watermark.settle(0);
    expect(watermark.headOffset).toBe(14);
    watermark.settle(1);
    watermark.settle(2);
    expect(watermark.headOffset).toBe(21);
    watermark.passTo(25);
    expect(watermark.headOffset).toBe(25);
  });

  it('does not pass an unsettled message when the log is known to continue', () => {
    const watermark = filled([10]);
    watermark.passTo(25);
    expect(watermark.headOffset).toBe(10);
  });

  it('counts what waits, what could be committed and what a killed process would repeat', () => {
    const watermark = filled([1, 2, 3, 4, 5, 6]);
    for (const sequence of [0, 1, 3, 4]) watermark.settle(sequence);
    expect(watermark).toMatchObject({ beyondHead: 4, doneBeyondHead: 2, committable: 2, uncommitted: 6 });
    watermark.committedUpTo(watermark.headSequence);
    expect(watermark).toMatchObject({ committable: 0, uncommitted: 4 });
    watermark.settle(2);
    expect(watermark).toMatchObject({ beyondHead: 1, doneBeyondHead: 0, committable: 3, headOffset: 6 });
  });

  it('returns the runs that are done above the head, across gaps too', () => {
    const watermark = filled([1, 2, 3, 10, 11, 12]);
    for (const sequence of [1, 2, 3, 5]) watermark.settle(sequence);
    expect(watermark.doneRanges()).toEqual([
      [2, 10],
      [12, 12],
    ]);
  });

  it('holds what belongs to each message until it is done', () => {
    const watermark = filled([1, 2, 3]);
    watermark.settle(1);
    expect(watermark.unsettled()).toEqual(['at 1', 'at 3']);
  });

  it('agrees with a simple list, whatever the order of settling, while it grows and turns around', () => {
    const random = mulberry(7);
    const watermark = new Watermark<number>(0, 2);
    const open: { sequence: number; offset: number }[] = [];
    let offset = 0;
    for (let step = 0; step < 3_000; step++) {
      if (random() < 0.5 && open.length < 300) {
        offset += 1 + Math.floor(random() * 3);
        open.push({ sequence: watermark.add(offset), offset });
      } else if (open.length > 0) {
        const [settled] = open.splice(Math.floor(random() * open.length), 1);
        watermark.settle((settled as { sequence: number }).sequence);
      }
      const lowest = Math.min(...open.map((entry) => entry.offset));
      expect(watermark.headOffset).toBe(open.length === 0 ? watermark.nextOffset : lowest);
      expect(watermark.beyondHead - watermark.doneBeyondHead).toBe(open.length);
    }
  });
});

/** A small generator of random numbers, the same in every run. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
