import { nameProblem } from './names.js';

describe('a name of a topic or channel', () => {
  it.each(['orders', 'Order.created_2-x', 'a'.repeat(64), 'watch#ephemeral', `${'a'.repeat(54)}#ephemeral`])(
    'is accepted: %s',
    (name) => expect(nameProblem(name)).toBeUndefined(),
  );

  it.each([
    ['', /empty/],
    ['a'.repeat(65), /65 characters.*at most 64/],
    [`${'a'.repeat(55)}#ephemeral`, /65 characters/],
    ['two words', /contains " "/],
    ['line\n', /contains "\\n"/],
    ['käse', /contains "ä"/],
    ['orders#durable', /contains "#"/],
    ['#ephemeral', /no name before/],
    ['a#ephemeral#ephemeral', /contains "#"/],
  ])('is rejected, with the reason: %s', (name, words) => expect(nameProblem(name)).toMatch(words));
});
