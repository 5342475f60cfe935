import { TransportError } from '../contract/index.js';

/**
 * Rejects a parsed body with names that can replace a prototype when the payload is copied: `__proto__`, and
 * `constructor` with a `prototype` in it. `JSON.parse` itself creates harmless properties; `Object.assign` or a deep
 * merge does not.
 *
 * The body is rejected and not cleaned: no honest program writes these names, and a handler must not receive a payload
 * with a part missing. The text search costs a twentieth of the parse: it looks for a substring of both names, or a
 * unicode escape that can disguise one. Only a text with one of these is walked.
 */
export function refuseHostileNames(text: string, payload: unknown): void {
  if (!text.includes('proto') && !text.includes('\\u')) return;
  const name = hostileNameIn(payload);
  if (name === undefined) return;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_UNDECODABLE',
    `The JSON body contains the name "${name}", which could change the prototype of an object that it is copied into.`,
  );
}

/** Uses a list instead of recursion, because a body can be nested deeper than the stack. */
function hostileNameIn(payload: unknown): string | undefined {
  const waiting: unknown[] = [payload];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) return '__proto__';
    if (hasHostileConstructor(value)) return 'constructor.prototype';
    for (const inner of Object.values(value)) waiting.push(inner);
  }
  return undefined;
}

function hasHostileConstructor(value: object): boolean {
  if (!Object.hasOwn(value, 'constructor')) return false;
  const { constructor } = value as { constructor: unknown };
  return typeof constructor === 'object' && constructor !== null && Object.hasOwn(constructor, 'prototype');
}
