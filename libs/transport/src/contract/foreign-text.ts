/** Control characters (C0, DEL, C1), line separators and marks that change the direction of text. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Escapes control characters, so that foreign text cannot start a new log line or control a terminal. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escapeOf);
}

/** Prepares foreign text for a sentence: escaped, and cut after `max` characters. */
export function shown(text: string, max = 200): string {
  return escapeControls(cut(text, max));
}

/** Returns the first `max` characters; `...` marks the cut. */
export function cut(text: string, max: number): string {
  // The cut must not leave half of a surrogate pair.
  return text.length <= max ? text : `${text.slice(0, max - 3).replace(/[\ud800-\udbff]$/, '')}...`;
}

/** Escapes a stack but keeps its own line breaks: each is followed by a code location. */
export function escapeStack(stack: string): string {
  const [head = '', ...places] = stack.split(/\n(?=\s+at )/);
  return [escapeControls(head), ...places.map(escapeControls)].join('\n');
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return SHORT[character] ?? (code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`);
}
