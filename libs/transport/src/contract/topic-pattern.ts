/**
 * Whether a topic name is a pattern. Patterns are the same on every broker that supports `wildcards`. A name consists
 * of words separated by dots; `*` matches one word, and `>` at the end matches one or more words.
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

/** Whether a pattern matches a topic; a name that is not a pattern matches only itself. */
export function matchesTopic(pattern: string, topic: string): boolean {
  const patternWords = pattern.split('.');
  const words = topic.split('.');
  const rest = patternWords.at(-1) === '>';
  if (rest ? words.length < patternWords.length : words.length !== patternWords.length) return false;
  return patternWords.every(
    (word, index) => word === '*' || word === words[index] || (rest && index === patternWords.length - 1),
  );
}

/**
 * Turns a pattern into a name that can be published to: `orders.*` becomes `orders.any`, `orders.>` becomes
 * `orders.all`.
 */
export function nameOfPattern(pattern: string): string {
  if (!isTopicPattern(pattern)) return pattern;
  const plain = (word: string): string => (word === '*' ? 'any' : word === '>' ? 'all' : word);
  return pattern.split('.').map(plain).join('.');
}
