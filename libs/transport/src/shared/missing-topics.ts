import { isTransportError, TransportError } from '../contract/index.js';

/**
 * Makes sure of several topics, one after the other, so that one error names all that are missing.
 * @throws TransportError `TRANSPORT_TOPIC_MISSING` after the last one; at once what else `ensure` throws
 */
export async function ensureEach<Topics>(
  each: Iterable<Topics>,
  ensure: (of: Topics) => Promise<unknown>,
): Promise<void> {
  const missing: TransportError[] = [];
  for (const one of each) {
    try {
      await ensure(one);
    } catch (error) {
      if (!isTransportError(error, 'TRANSPORT_TOPIC_MISSING')) throw error;
      missing.push(error);
    }
  }
  const [first, ...others] = missing;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const sentences = missing.map(({ message, code }) => message.slice(0, -` (${code})`.length));
  const { topic, driver, retryable } = first;
  const known = { ...(topic === undefined ? {} : { topic }), ...(driver === undefined ? {} : { driver }) };
  throw new TransportError(first.code, sentences.join(' '), { ...known, retryable, cause: first });
}
