import { TransportError } from './errors.js';
import { isThenable } from './is-thenable.js';
import { shown } from './foreign-text.js';
import { fieldOf, messageOf } from './thrown.js';

/**
 * Any validation library that follows Standard Schema v1 (https://standardschema.dev): zod, valibot, arktype, ...
 * The names under `~standard` are the specification's.
 */
export interface StandardSchema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | PromiseLike<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

export type SchemaResult<Out> =
  { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** `items[0].sku: expected string, received number`; at most five issues, to keep the error readable. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  const first = Array.from(issues).slice(0, 5).map(describeIssue).join('; ');
  return issues.length > 5 ? `${first}; and ${issues.length - 5} more` : first;
}

/** Issues are objects of the schema library: even if a field cannot be read, the payload is invalid. */
function describeIssue(issue: SchemaIssue): string {
  const message = shown(messageOf(fieldOf(issue, 'message') ?? 'an issue without a message'), 300);
  try {
    const field = shown(fieldPath(issue.path ?? []));
    return field === '' ? message : `${field}: ${message}`;
  } catch {
    return message;
  }
}

function fieldPath(path: NonNullable<SchemaIssue['path']>): string {
  return path.reduce<string>((text, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment;
    return typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/**
 * Returns the schema's output for a value; a Promise only if the schema is asynchronous.
 * @param type the event type, for the error
 * @throws TransportError `TRANSPORT_PAYLOAD_INVALID` naming the fields
 */
export function validate(schema: StandardSchema, value: unknown, type: string): unknown {
  const result = schema['~standard'].validate(value);
  // Accepts any thenable but returns a native promise, because callers test for `Promise`.
  return isThenable(result) ? Promise.resolve(result).then((settled) => accept(settled, type)) : accept(result, type);
}

function accept(result: SchemaResult<unknown>, type: string): unknown {
  if (result.issues === undefined) return result.value;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_INVALID',
    `The payload does not match the schema of event "${type}": ${describeIssues(result.issues)}.`,
  );
}
