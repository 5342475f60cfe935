const NAME = /^[.a-zA-Z0-9_-]+(#ephemeral)?$/;
const MAX_LENGTH = 64;
/** What nsqd puts behind a name of something that it forgets when nobody uses it. */
export const EPHEMERAL = '#ephemeral';

/** Why nsqd would refuse a topic or channel of this name; undefined when it takes it. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_LENGTH) return `it has ${name.length} characters, and NSQ takes at most ${MAX_LENGTH}`;
  if (NAME.test(name)) return undefined;
  const wrong = /[^.a-zA-Z0-9_-]/u.exec(name.endsWith(EPHEMERAL) ? name.slice(0, -EPHEMERAL.length) : name)?.[0];
  return wrong === undefined
    ? 'nothing is before "#ephemeral"'
    : `it contains ${JSON.stringify(wrong)}, and NSQ takes letters, digits, ".", "_" and "-", and "#ephemeral" at the end`;
}
