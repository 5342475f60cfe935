import { Watch } from './watch.js';

test('a condition that only time fulfils is seen, without a notice', async () => {
  const watch = new Watch(5_000, () => '');
  let isGood = false;
  const timer = setTimeout(() => (isGood = true), 150);
  await watch.until('the health is good', () => isGood);
  clearTimeout(timer);
});

test('a condition that is never fulfilled fails at the deadline, with what was seen', async () => {
  const watch = new Watch(250, () => 'Seen: nothing.');
  await expect(watch.until('the health is good', () => false)).rejects.toThrow(
    'the health is good: not within 250 ms. Seen: nothing.',
  );
});
