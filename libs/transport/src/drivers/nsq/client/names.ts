const NAME = /^[.a-zA-Z0-9_-]+(#ephemeral)?$/;
const MAX_LENGTH = 64;
/** The suffix of a topic or channel that nsqd deletes when its last consumer leaves. */
export const EPHEMERAL = '#ephemeral';

/** Returns why nsqd would reject a topic or channel of this name; undefined if it accepts it. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_LENGTH) return `it has ${name.length} characters, and NSQ allows at most ${MAX_LENGTH}`;
  if (NAME.test(name)) return undefined;
  const wrong = /[^.a-zA-Z0-9_-]/u.exec(name.endsWith(EPHEMERAL) ? name.slice(0, -EPHEMERAL.length) : name)?.[0];
  return wrong === undefined
    ? 'there is no name before "#ephemeral"'
    : `it contains ${JSON.stringify(wrong)}, and NSQ allows only letters, digits, ".", "_" and "-", and "#ephemeral" at the end`;
}
