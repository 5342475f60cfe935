const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Where the members of a JSON object are, by name: each value as the bytes that were written. Reading a number or a space
 * and writing it again may give other bytes, and a dead letter has to have those of its original.
 *
 * It finds the ends of values and looks no deeper: what it gives may still be no JSON.
 * @returns undefined when the bytes are no object, or end too early
 */
export function membersOf(json: Buffer): Map<string, Buffer> | undefined {
  const members = new Map<string, Buffer>();
  let at = skipSpace(json, 0);
  if (json[at] !== OPEN_BRACE) return undefined;
  at = skipSpace(json, at + 1);
  while (json[at] === QUOTE) {
    const nameEnd = endOfString(json, at);
    const colon = skipSpace(json, nameEnd);
    if (json[colon] !== COLON) return undefined;
    const start = skipSpace(json, colon + 1);
    const end = endOfValue(json, start);
    const name = textOf(json.subarray(at, nameEnd));
    if (end === start || name === undefined) return undefined;
    members.set(name, json.subarray(start, end));
    at = skipSpace(json, end);
    if (json[at] !== COMMA) break;
    at = skipSpace(json, at + 1);
  }
  return json[at] === CLOSE_BRACE && skipSpace(json, at + 1) === json.length ? members : undefined;
}

/** The text of a JSON string; undefined for anything else. */
export function textOf(value: Buffer): string | undefined {
  if (value[0] !== QUOTE || value.length < 2) return undefined;
  if (!value.includes(BACKSLASH)) return value.toString('utf8', 1, value.length - 1);
  const parsed = jsonOf(value);
  return typeof parsed === 'string' ? parsed : undefined;
}

/** What the bytes say; undefined when they are no JSON. */
export function jsonOf(value: Buffer | string): unknown {
  try {
    return JSON.parse(value.toString()) as unknown;
  } catch {
    return undefined;
  }
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  for (let byte = json[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = json[at]) at++;
  return at;
}

/** Behind the closing quote; the length of the whole where there is none. */
function endOfString(json: Buffer, quote: number): number {
  for (let at = quote + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at + 1;
  }
  return json.length;
}

function endOfValue(json: Buffer, start: number): number {
  if (json[start] === QUOTE) return endOfString(json, start);
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = endOfString(json, at) - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) return at;
  }
  return json.length;
}
