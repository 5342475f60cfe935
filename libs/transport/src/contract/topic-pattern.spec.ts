import { isTopicPattern, matchesTopic, nameOfPattern } from './topic-pattern.js';

describe('a topic pattern', () => {
  test.each([
    ['orders.*', 'orders.eu', true],
    ['orders.*', 'orders', false],
    ['orders.*', 'orders.eu.north', false],
    ['orders.*.created', 'orders.eu.created', true],
    ['orders.*.created', 'orders.eu.removed', false],
    ['orders.>', 'orders.eu', true],
    ['orders.>', 'orders.eu.north', true],
    ['orders.>', 'orders', false],
    ['>', 'orders', true],
    ['orders', 'orders', true],
    ['orders', 'order', false],
  ])('%s matches %s: %s', (pattern, topic, taken) => {
    expect(matchesTopic(pattern, topic)).toBe(taken);
  });

  test.each([
    ['orders.*', true],
    ['orders.>', true],
    ['>', true],
    ['orders.>.created', false],
    ['orders*', false],
    ['orders', false],
  ])('is distinguished from a name by complete words: %s, %s', (topic, pattern) => {
    expect(isTopicPattern(topic)).toBe(pattern);
  });

  test.each([
    ['orders.*.created', 'orders.any.created'],
    ['orders.>', 'orders.all'],
    ['orders', 'orders'],
  ])('is turned into a name to publish to: %s, %s', (pattern, name) => {
    expect(nameOfPattern(pattern)).toBe(name);
  });
});
