/**
 * How one delivery ends. The runner decides it once; the driver carries it out.
 *
 * | kind   | meaning for the broker                                                             |
 * |--------|------------------------------------------------------------------------------------|
 * | ack    | done, do not redeliver                                                             |
 * | nack   | redeliver after `delayMs` (only where the driver redelivers natively)              |
 * | reject | done; a copy is already stored as a dead letter, or was discarded deliberately     |
 */
export type Settlement =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack'; readonly delayMs: number }
  | { readonly kind: 'reject'; readonly reason: Error };

/** The only ack instance: settling a message allocates nothing. */
export const ACK: Settlement = Object.freeze({ kind: 'ack' });
