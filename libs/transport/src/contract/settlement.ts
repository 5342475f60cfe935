/**
 * How one delivery ends. The runner decides it, once; the driver carries it out.
 *
 * | kind   | the broker is told                                                            |
 * |--------|-------------------------------------------------------------------------------|
 * | ack    | done, never again                                                             |
 * | nack   | deliver again after `delayMs` (only where redelivery is a driver's own means) |
 * | reject | done; its copy is already stored as a dead letter, or was discarded by name   |
 */
export type Settlement =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack'; readonly delayMs: number }
  | { readonly kind: 'reject'; readonly reason: Error };

/** The one ack there is: settling a message allocates nothing. */
export const ACK: Settlement = Object.freeze({ kind: 'ack' });
