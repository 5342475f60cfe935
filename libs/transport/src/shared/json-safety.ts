import { TransportError } from '../contract/index.js';

/**
 * Refuses a parsed text with names that become the prototype of whatever the payload is copied into: `__proto__`, and
 * `constructor` with a `prototype` in it. `JSON.parse` itself makes harmless properties of them; `Object.assign`, or a deep
 * merge, does not.
 *
 * Why refused and not dropped: no honest program writes them, and a payload with a hole would be handled as if it were whole.
 * n.b. the search is a twentieth of the parse: one short word that both names have in them, or a letter in disguise. Only a
 * text that has one of the two is walked.
 */
export function refuseHostileNames(text: string, payload: unknown): void {
  if (!text.includes('proto') && !text.includes('\\u')) return;
  const name = hostileNameIn(payload);
  if (name === undefined) return;
  throw new TransportError(
    'TRANSPORT_PAYLOAD_UNDECODABLE',
    `The body is JSON with the name "${name}", which would change the prototype of what it is copied into.`,
  );
}

/** n.b. with a list of its own and not by calling itself: a text may be nested deeper than the stack. */
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
