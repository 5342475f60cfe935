import { posix } from 'node:path';
import { invalidOption } from './refusal.js';

/** One name in the forms in which generated code needs it. */
export interface Names {
  /** The folders that were written before the name: `orders` in `orders/order-created`; else empty. */
  readonly folder: string;
  /** `order-created`, for files. */
  readonly file: string;
  /** `OrderCreated`, for classes and events. */
  readonly symbol: string;
  /** `orderCreated`, for values. */
  readonly variable: string;
  /** `order.created`, on the wire. */
  readonly topic: string;
}

/**
 * Reads `orders/order-created`, `OrderCreated` or `order.created`.
 *
 * @throws TransportError `TRANSPORT_OPTION_INVALID` when nothing is left that can begin a name in TypeScript.
 */
export function namesOf(given: string): Names {
  const words = wordsOf(posix.basename(given));
  const symbol = words.map(capitalized).join('');
  if (!/^[A-Z]/.test(symbol)) {
    throw invalidOption(
      `"${given}" is no name for generated code: it has to begin with a letter. Write one like "order-created".`,
    );
  }
  const folder = posix.dirname(given);
  return {
    folder: folder === '.' ? '' : folder,
    file: words.join('-'),
    symbol,
    variable: symbol.charAt(0).toLowerCase() + symbol.slice(1),
    topic: words.join('.'),
  };
}

const wordsOf = (text: string): string[] =>
  text
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());

const capitalized = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
