import { TransportError } from '../contract/index.js';
import { shown } from '../contract/index.js';

/**
 * Refuses a payload of which JSON.stringify wrote less than there is: `{}` for a Map, `null` for NaN.
 *
 * Why by the text first: all that is lost leaves one of three traces in it, and to search them costs a twentieth of the writing
 * (docs/adr/0036). Only a payload whose text has one of them is walked.
 * @throws TransportError `TRANSPORT_PAYLOAD_UNENCODABLE` with the path
 */
export function refuseLostValues(text: string, payload: unknown): void {
  if (!text.includes('null') && !text.includes('{}') && !text.includes('{"0":')) return;
  if (!mayLose(payload, 0)) return;
  const loss = lossIn(payload);
  if (loss === undefined) return;
  const { path, what } = loss;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_UNENCODABLE',
    `The payload cannot be written as JSON: ${path === '' ? 'it' : `"${shown(path)}"`} is ${what}, for which JSON has no word. Convert it, choose another codec, or lossyJsonCodec to have it written as JSON.stringify does.`,
  );
}

/** What becomes `{}`, or an object with an index for each byte. By tag, because a payload may come from another realm. */
const WORDLESS: ReadonlySet<string> = new Set(
  [
    ...['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'ArrayBuffer', 'SharedArrayBuffer', 'DataView'],
    ...['Promise', 'RegExp', 'Error', 'Generator', 'AsyncGenerator', 'Map Iterator', 'Set Iterator', 'Array Iterator'],
    ...['URLSearchParams', 'Headers', 'FormData', 'Blob', 'File'],
  ].map((name) => `[object ${name}]`),
);
const tagOf = (value: object): string => Object.prototype.toString.call(value);

/** Stands for a Date that JSON.stringify writes as null. */
const INVALID_DATE = Symbol('an invalid Date');

/** What of a value, as JSON.stringify sees it, is not written; undefined where all of it is. What it holds is not looked at. */
export function lostOf(value: unknown): string | undefined {
  if (value === INVALID_DATE) return INVALID_DATE.description;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : String(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return undefined;
  const tag = tagOf(value);
  // n.b. an Error or a Map with fields of its own writes these, and is taken for what was meant.
  const isLost = ArrayBuffer.isView(value) || (WORDLESS.has(tag) && Object.keys(value).length === 0);
  return isLost ? withArticle(tag.slice('[object '.length, -1)) : undefined;
}

const withArticle = (name: string): string => `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;

/** What JSON.stringify writes in place of an object: the answer of its `toJSON`, where it has one. */
function written(value: object, key: string): unknown {
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON !== 'function') return value;
  const answer: unknown = toJSON.call(value, key);
  // Why: an invalid Date is written as null. What another class writes as null, it does on purpose.
  return answer === null && isDate(value) ? INVALID_DATE : answer;
}

const isDate = (value: object): boolean => tagOf(value) === '[object Date]';

/** Deeper than this the careful search takes over: a payload may be nested deeper than the stack. */
const MAX_DEPTH = 200;

/**
 * Whether something may be lost. Written for speed (no paths, no lists): it runs for every payload with a null in it.
 * n.b. what is no plain object and no array is left to the careful search, unless it has fields and no `toJSON`.
 */
function mayLose(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return value - value !== 0;
  if (typeof value !== 'object' || value === null) return false;
  if (depth > MAX_DEPTH || typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') return true;
  return Array.isArray(value) ? mayLoseItem(value, depth + 1) : mayLoseField(value, depth + 1);
}

function mayLoseItem(list: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < list.length; index++) if (mayLose(list[index], depth)) return true;
  return false;
}

function mayLoseField(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && lostOf(value) !== undefined) return true;
  for (const name in value) if (mayLose((value as Readonly<Record<string, unknown>>)[name], depth)) return true;
  return false;
}

interface Place {
  readonly value: unknown;
  readonly path: string;
}

/** What is lost, and where; undefined where nothing is. n.b. with a list of its own, because of the stack. */
function lossIn(payload: unknown): { readonly path: string; readonly what: string } | undefined {
  const waiting: Place[] = [{ value: payload, path: '' }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value: given, path } = place;
    const value = typeof given === 'object' && given !== null ? written(given, '') : given;
    const what = lostOf(value);
    if (what !== undefined) return { path, what };
    if (typeof value === 'object' && value !== null) waiting.push(...placesIn(value, path));
  }
  return undefined;
}

const placesIn = (value: object, path: string): Place[] =>
  Object.entries(value).map(([key, inner]: [string, unknown]) => {
    const member = Array.isArray(value) ? `[${key}]` : path === '' ? key : `.${key}`;
    return { value: inner, path: path + member };
  });

/** Whether a payload holds a Date. */
export function holdsDate(payload: unknown): boolean {
  const waiting: unknown[] = [payload];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (isDate(value)) return true;
    for (const inner of Object.values(value) as unknown[]) if (typeof inner === 'object') waiting.push(inner);
  }
  return false;
}
