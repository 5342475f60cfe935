import { TransportError } from '../contract/index.js';

/**
 * Decoders that fill maps by name (`map[name] = value`) give a map another prototype when the name is `__proto__`. Refuses
 * that. Only a body with the word in it is looked at any closer.
 */
export function refusePoisoned(body: Buffer, payload: unknown): unknown {
  if (body.includes('__proto__') && isPoisoned(payload)) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNDECODABLE',
      'The body has a map with the name "__proto__", which would change the prototype of what it is read into.',
    );
  }
  return payload;
}

/** n.b. a prototype with a constructor of its own is a class; nothing that was decoded has a function in it. */
function isPoisoned(payload: unknown): boolean {
  const waiting: unknown[] = [payload];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    const prototype = Object.getPrototypeOf(value) as { constructor?: unknown } | null;
    if (prototype !== null && !isOfClass(prototype)) return true;
    for (const inner of Object.values(value)) waiting.push(inner);
  }
  return false;
}

const isOfClass = (prototype: { constructor?: unknown }): boolean =>
  Object.hasOwn(prototype, 'constructor') && typeof prototype.constructor === 'function';
