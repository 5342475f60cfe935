const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Where a value stands, and whether a backslash is in it. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly hasEscape: boolean;
}

/**
 * The members of a JSON object, each as the bytes that were written. Reading a number or a space and writing it again may
 * give other bytes, and a dead letter has to have those of its original.
 */
export class JsonMembers {
  readonly #json: Buffer;
  readonly #spans: ReadonlyMap<string, Span>;

  private constructor(json: Buffer, spans: ReadonlyMap<string, Span>) {
    this.#json = json;
    this.#spans = spans;
  }

  /**
   * Finds the ends of values and looks no deeper: what it gives may still be no JSON.
   * @returns undefined when the bytes are no object, or end too early
   */
  static of(json: Buffer): JsonMembers | undefined {
    const spans = new Map<string, Span>();
    let at = skipSpace(json, 0);
    if (json[at] !== OPEN_BRACE) return undefined;
    at = skipSpace(json, at + 1);
    while (json[at] === QUOTE) {
      const name = spanOf(json, at);
      const colon = skipSpace(json, name.end);
      if (json[colon] !== COLON) return undefined;
      const value = spanOf(json, skipSpace(json, colon + 1));
      const nameText = textAt(json, name);
      if (value.end === value.start || nameText === undefined) return undefined;
      spans.set(nameText, value);
      at = skipSpace(json, value.end);
      if (json[at] !== COMMA) break;
      at = skipSpace(json, at + 1);
    }
    const isWhole = json[at] === CLOSE_BRACE && skipSpace(json, at + 1) === json.length;
    return isWhole ? new JsonMembers(json, spans) : undefined;
  }

  get names(): IterableIterator<string> {
    return this.#spans.keys();
  }

  /** The text of a member that is one. */
  text(name: string): string | undefined {
    const span = this.#spans.get(name);
    return span === undefined ? undefined : textAt(this.#json, span);
  }

  /** A member as it was written. */
  bytes(name: string): Buffer | undefined {
    const span = this.#spans.get(name);
    return span === undefined ? undefined : this.#json.subarray(span.start, span.end);
  }
}

/** What the bytes say; undefined when they are no JSON. */
export function jsonOf(value: Buffer | string): unknown {
  try {
    return JSON.parse(value.toString()) as unknown;
  } catch {
    return undefined;
  }
}

/** The text of a JSON string; undefined for anything else. */
function textAt(json: Buffer, { start, end, hasEscape }: Span): string | undefined {
  if (json[start] !== QUOTE || end - start < 2) return undefined;
  if (!hasEscape) return json.toString('utf8', start + 1, end - 1);
  const parsed = jsonOf(json.toString('utf8', start, end));
  return typeof parsed === 'string' ? parsed : undefined;
}

function skipSpace(json: Buffer, from: number): number {
  let at = from;
  for (let byte = json[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = json[at]) at++;
  return at;
}

function spanOf(json: Buffer, start: number): Span {
  return json[start] === QUOTE ? stringAt(json, start) : { start, end: endOfValue(json, start), hasEscape: false };
}

/** It ends behind the closing quote, or with the whole where there is none. */
function stringAt(json: Buffer, start: number): Span {
  let hasEscape = false;
  for (let at = start + 1; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) return { start, end: at + 1, hasEscape };
    if (byte !== BACKSLASH) continue;
    hasEscape = true;
    at++;
  }
  return { start, end: json.length, hasEscape: true };
}

function endOfValue(json: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = stringAt(json, at).end - 1;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) return at;
  }
  return json.length;
}
