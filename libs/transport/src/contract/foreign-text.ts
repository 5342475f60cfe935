/** Control characters (C0, DEL, C1), line separators, and marks that change the direction of text. */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Writes control characters as escapes, so that text of others can neither start a line of a log nor steer a terminal. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escapeOf);
}

/** Text of others as part of a sentence: escaped, and cut after `max` characters. */
export function shown(text: string, max = 200): string {
  return escapeControls(cut(text, max));
}

/** The first `max` characters; `...` stands for what is left out. */
export function cut(text: string, max: number): string {
  // n.b. half of a surrogate pair is not left at the end.
  return text.length <= max ? text : `${text.slice(0, max - 3).replace(/[\ud800-\udbff]$/, '')}...`;
}

/** The escapes of a stack leave its own line breaks: each is followed by a place in the code. */
export function escapeStack(stack: string): string {
  const [head = '', ...places] = stack.split(/\n(?=\s+at )/);
  return [escapeControls(head), ...places.map(escapeControls)].join('\n');
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return SHORT[character] ?? (code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`);
}
