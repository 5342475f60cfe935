import { TransportError } from '../contract/index.js';

/**
 * Rejects a map with the name `__proto__`: decoders that fill maps by name (`map[name] = value`) would replace its
 * prototype. Only a body that contains the word is inspected.
 */
export function refusePoisoned(body: Buffer, payload: unknown): unknown {
  if (body.includes('__proto__') && isPoisoned(payload)) {
    throw new TransportError(
      'TRANSPORT_PAYLOAD_UNDECODABLE',
      'The body contains a map with the name "__proto__", which would change the prototype of the decoded object.',
    );
  }
  return payload;
}

/** A prototype with its own constructor is a class; decoded values contain no functions. */
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
