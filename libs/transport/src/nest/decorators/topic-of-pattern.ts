/**
 * Converts a pattern of Nest to a topic. A string is the topic itself. Of an object, which Nest normalizes to sorted JSON,
 * names and values are joined: `{ cmd: 'sum', v: 1 }` is the topic `cmd.sum.v.1`, a name that every broker accepts.
 * Handlers and clients both use this function, so their topics match.
 */
export function topicOfPattern(pattern: unknown, normalized: string): string {
  if (typeof pattern === 'string') return pattern;
  return normalized.replace(/[^A-Za-z0-9_-]+/g, '.').replace(/^\.|\.$/g, '');
}
