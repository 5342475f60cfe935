import { answerOf, fieldOf, isA, messageOf, nameOf } from './thrown.js';

/** Larger content is left out: some brokers limit the size of headers, and an error is not a payload. */
export const MAX_ERROR_CONTENT_LENGTH = 8_192;
const MAX_DEPTH = 20;

/** The part of a deliberately thrown error that can be sent. */
export interface ErrorContent {
  /**
   * The object in an `RpcException`, `{ status: 'error', message }` for one that holds a string, or the thrown object
   * itself.
   */
  readonly error?: object;
  /** The status of an `HttpException`. */
  readonly status?: unknown;
  readonly response?: object;
}

/**
 * Returns the content of a thrown value as JSON, without stacks; undefined if it has none, cannot be serialized or is
 * too large.
 */
export function errorContentOf(thrown: unknown): string | undefined {
  const content = contentOf(thrown);
  if (content === undefined) return undefined;
  try {
    const text = JSON.stringify(withoutStacks(content, 0));
    return text.length > MAX_ERROR_CONTENT_LENGTH ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Parses what `errorContentOf` wrote; undefined for anything else. */
export function readErrorContent(text: string | undefined): ErrorContent | undefined {
  if (text === undefined || text.length > MAX_ERROR_CONTENT_LENGTH) return undefined;
  try {
    const content: unknown = JSON.parse(text);
    const { error, status, response } = Object(content) as ErrorContent;
    return {
      ...(isObject(error) ? { error } : {}),
      ...(isObject(response) ? { response, status } : {}),
    };
  } catch {
    return undefined;
  }
}

function contentOf(thrown: unknown): ErrorContent | undefined {
  const status = answerOf(thrown, 'getStatus');
  const response = answerOf(thrown, 'getResponse');
  if (status !== undefined) return isObject(response) ? { status, response } : undefined;
  const error = answerOf(thrown, 'getError') ?? (isA(thrown, Error) ? undefined : thrown);
  // Clients of Nest's own transports receive this shape for an RpcException that holds a string.
  if (typeof error === 'string' && isA(thrown, Error)) return { error: { status: 'error', message: error } };
  return isObject(error) ? { error } : undefined;
}

/** JSON.stringify writes only the fields that somebody added to an Error. */
function withoutStacks(value: unknown, depth: number): unknown {
  if (!isObject(value) || typeof fieldOf(value, 'toJSON') === 'function') return value;
  if (depth > MAX_DEPTH) throw new RangeError('nested too deep');
  if (Array.isArray(value)) return value.map((item) => withoutStacks(item, depth + 1));
  const own = Object.entries(value).filter(([name]) => name !== 'stack');
  const fields = Object.fromEntries(own.map(([name, inner]) => [name, withoutStacks(inner, depth + 1)]));
  return isA(value, Error) ? { name: nameOf(value), message: messageOf(value), ...fields } : fields;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
