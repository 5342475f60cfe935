import { cut } from './foreign-text.js';

/*
 * Reads a thrown value of any kind: a Proxy, an object whose getters throw, a class with its own `instanceof`. Nothing
 * here throws, and every text is limited in length.
 */

/** Longer explanations are cut: people read them, and brokers limit the size of headers. */
export const MAX_EXPLANATION_LENGTH = 1_000;
/** Maximum number of parts shown of one list: reasons of a pipe, errors of an AggregateError. */
const MAX_PARTS = 5;
const MAX_DEPTH = 5;
/** Maximum number of fields searched for the reasons of one error. */
const MAX_LOOKS = 300;
const NOT_AN_ERROR = 'an object that is not an Error';

/** `value instanceof type`; false if that throws. */
export function isA<Type>(value: unknown, type: abstract new (...parameters: never[]) => Type): value is Type {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/** Returns the message of any thrown value, without its stack. */
export function messageOf(thrown: unknown): string {
  try {
    // Anything can be thrown, and the message of an error can be of any type.
    return String(thrown instanceof Error ? (thrown.message as unknown) : thrown);
  } catch {
    return `something without a text (${typeof thrown})`;
  }
}

/** Returns the error's name, such as `TypeError`; for a value that is not an Error its type, such as `string`. */
export function nameOf(thrown: unknown): string {
  if (!isA(thrown, Error)) return typeof thrown;
  const name = fieldOf(thrown, 'name');
  return typeof name === 'string' && name !== '' ? cut(name, 200) : 'Error';
}

/** Returns the stack, if there is one. */
export function stackOf(thrown: unknown): string | undefined {
  const stack = isA(thrown, Error) ? fieldOf(thrown, 'stack') : undefined;
  return typeof stack === 'string' ? stack : undefined;
}

/** Returns the value itself if it is a readable Error, otherwise an Error that explains it. */
export function asError(thrown: unknown): Error {
  const isReadable = isA(thrown, Error) && [fieldOf(thrown, 'name'), fieldOf(thrown, 'message')].every(isText);
  return isReadable ? thrown : new Error(explanationOf(thrown));
}

/**
 * Explains a thrown value: its message, the reasons that a Nest exception or an AggregateError carries, and the chain
 * of its causes. Only messages of objects are shown, because other fields can contain payloads.
 */
export function explanationOf(thrown: unknown): string {
  let text = reasonOf(thrown);
  let cause = fieldOf(thrown, 'cause');
  for (let depth = 0; cause !== undefined && cause !== null && depth < MAX_DEPTH; depth++) {
    const reason = reasonOf(cause);
    // Many messages already quote their cause, as ours do.
    if (!text.includes(reason)) text = `${text}; caused by ${nameOf(cause)}: ${reason}`;
    cause = fieldOf(cause, 'cause');
  }
  return cut(text, MAX_EXPLANATION_LENGTH);
}

/** Returns the message of a thrown value and the reasons that it carries itself, without its causes. */
export function reasonOf(thrown: unknown): string {
  if (!isObject(thrown)) return cut(messageOf(thrown), MAX_EXPLANATION_LENGTH);
  const message = fieldOf(thrown, 'message');
  const said = isText(message) ? message : isA(thrown, Error) ? messageOf(thrown) : undefined;
  const own = said === undefined ? thrown : fieldOf(thrown, 'errors');
  const reasons = new Reasons([answerOf(thrown, 'getResponse'), answerOf(thrown, 'getError'), own]).text(said);
  if (said === undefined) return cut(reasons || NOT_AN_ERROR, MAX_EXPLANATION_LENGTH);
  return cut(reasons === '' ? said : `${said}: ${reasons}`, MAX_EXPLANATION_LENGTH);
}

/**
 * Collects distinct texts that explain a value: its messages, the constraints of class-validator, and lists of them.
 */
class Reasons {
  readonly #texts = new Set<string>();
  /** A value can be large, or contain itself. */
  #left = MAX_LOOKS;

  constructor(parts: readonly unknown[]) {
    for (const part of parts) this.#look(part, 0);
  }

  /** @param without text that is already part of the explanation */
  text(without: string | undefined): string {
    const texts = [...this.#texts].filter((text) => text !== without);
    return texts.length <= MAX_PARTS ? texts.join('; ') : `${texts.slice(0, MAX_PARTS).join('; ')}; and more`;
  }

  #look(content: unknown, depth: number): void {
    if (this.#texts.size > MAX_PARTS + 1 || this.#left-- <= 0 || depth > MAX_DEPTH) return;
    if (isText(content)) return void this.#texts.add(cut(content, MAX_EXPLANATION_LENGTH));
    if (!isObject(content)) return;
    for (const part of isList(content) ? firstOf(content) : fieldsOf(content)) this.#look(part, depth + 1);
  }
}

function fieldsOf(content: object): readonly unknown[] {
  const constraints = fieldOf(content, 'constraints');
  const explaining = ['message', 'children', 'errors', 'issues', 'details'].map((name) => fieldOf(content, name));
  return isObject(constraints) ? [...valuesOf(constraints), ...explaining] : explaining;
}

/** Returns a field of any value; undefined if it cannot be read. */
export function fieldOf(value: unknown, name: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/**
 * Returns what a method without parameters returns: the content of an HttpException or RpcException, of any copy of
 * Nest.
 */
export function answerOf(thrown: unknown, method: string): unknown {
  try {
    const answer = fieldOf(thrown, method);
    const content: unknown = typeof answer === 'function' ? answer.call(thrown) : undefined;
    return content === thrown ? undefined : content;
  } catch {
    return undefined;
  }
}

function valuesOf(value: object): readonly unknown[] {
  try {
    return Object.values(value);
  } catch {
    return [];
  }
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function firstOf(list: readonly unknown[]): readonly unknown[] {
  return Array.from({ length: MAX_PARTS + 2 }, (_, index) => fieldOf(list, String(index)));
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const isText = (value: unknown): value is string => typeof value === 'string';
