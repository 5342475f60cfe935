import { startFromRule } from '../shared/index.js';
import { nearestKept, offsetIn, refuseUnknownPartitions } from './start-from.js';
import type { Subscription } from './subscription.js';

describe('startFrom', () => {
  it.each(['beginning', 'new', new Date(0), { offset: '0' }, { offsets: { 0: '120', 7: '9007199254740991' } }])(
    'may be %j',
    (value) => expect(startFromRule.accepts(value)).toBe(true),
  );

  it.each([
    ...['end', 120, new Date('x'), null, [], {}, { offset: 120 }, { offset: '-1' }, { offset: '1.5' }, { offset: '' }],
    ...[{ offset: '9007199254740993' }, { offset: '1', offsets: { 0: '1' } }, { offsets: {} }, { offsets: ['a'] }],
    ...[{ offsets: { first: '1' } }, { offsets: { 0: 1 } }, { since: '1' }],
  ])('is never %j', (value) => expect(startFromRule.accepts(value)).toBe(false));

  it('names an offset for each partition, and none for one that is not named', () => {
    expect(offsetIn({ offsets: { 0: '120', 2: '7' } }, 2)).toBe(7);
    expect(offsetIn({ offsets: { 0: '120' } }, 1)).toBeUndefined();
    expect(offsetIn({ offset: '120' }, undefined)).toBe(120);
  });

  it('is refused where it names a partition that the topic does not have', () => {
    const subscription = { topic: 'orders', group: 'stock', startFrom: { offsets: { 1: '1', 3: '1' } } };
    const refuse = (partitions: number) => () =>
      refuseUnknownPartitions('kafka', subscription as unknown as Subscription, partitions);
    expect(refuse(4)).not.toThrow();
    expect(refuse(3)).toThrow(
      expect.objectContaining({
        code: 'TRANSPORT_OPTION_CONFLICT',
        message: expect.stringMatching(/group "stock" on "orders" names partition 3, and the topic has 3, from 0 to 2/),
      }),
    );
  });
});

describe('an offset', () => {
  const kept = { first: 40, next: 90 };
  it.each([40, 89, 90])('that is there, or comes next, is taken without a word: %i', (asked) =>
    expect(nearestKept(asked, kept, 'partition 3')).toEqual({ offset: asked }),
  );

  it.each([
    [39, 40, 'offset 39 of partition 3, and the oldest that is kept is 40'],
    [91, 90, 'offset 91 of partition 3, and the next message will be 90'],
  ])('that is not there is the nearest, with a warning: %i', (asked, offset, text) =>
    expect(nearestKept(asked, kept, 'partition 3')).toEqual({ offset, warning: expect.stringContaining(text) }),
  );
});
