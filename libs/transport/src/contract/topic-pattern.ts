/**
 * Topic patterns are the library's own, the same on every broker that has `wildcards`: a topic's name is words with dots
 * in between; in a pattern `*` stands for one word, and `>` at the end for one word or more.
 *
 * ```
 * orders.*.created     orders.eu.created, not orders.eu.north.created
 * orders.>             orders.eu, orders.eu.created, not orders
 * ```
 */
export function isTopicPattern(topic: string): boolean {
  const words = topic.split('.');
  return words.includes('*') || words.at(-1) === '>';
}

/** Whether a pattern takes a topic; a name that is no pattern takes only itself. */
export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = pattern.split('.');
  const words = topic.split('.');
  const rest = wanted.at(-1) === '>';
  if (rest ? words.length < wanted.length : words.length !== wanted.length) return false;
  return wanted.every((word, index) => word === '*' || word === words[index] || (rest && index === wanted.length - 1));
}

/** A name that may be published to, made of a pattern: `orders.*` gives `orders.any`, `orders.>` gives `orders.all`. */
export function nameOfPattern(pattern: string): string {
  if (!isTopicPattern(pattern)) return pattern;
  const plain = (word: string): string => (word === '*' ? 'any' : word === '>' ? 'all' : word);
  return pattern.split('.').map(plain).join('.');
}
