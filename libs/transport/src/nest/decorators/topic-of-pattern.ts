/**
 * The topic of one of Nest's patterns: a text is a topic as it is; of an object, which Nest has normalized to sorted JSON,
 * remain its names and values: `{ cmd: 'sum', v: 1 }` is the topic `cmd.sum.v.1`, a name that every broker accepts.
 * Handlers and clients go through here, so they meet.
 */
export function topicOfPattern(pattern: unknown, normalized: string): string {
  if (typeof pattern === 'string') return pattern;
  return normalized.replace(/[^A-Za-z0-9_-]+/g, '.').replace(/^\.|\.$/g, '');
}
