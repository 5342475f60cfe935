import type { NatsMessage } from '../mapping.js';

/** The header that the server writes in place of a body. */
const SIZE_HEADER = 'Nats-Msg-Size';

/**
 * Detects messages that arrived without their body, because the consumer was set to `headers_only`. A message that was published
 * with this header looks the same; it is accepted once the consumer is known to send bodies.
 */
export class Bodies {
  readonly #lacking = new Set<number>();
  readonly #complete = new Set<number>();

  /** @param sequence the message's sequence in the stream */
  lacks({ data, headers }: NatsMessage, sequence: number): boolean {
    if (data.length > 0) return false;
    const [size = '0'] = headers?.values(SIZE_HEADER) ?? [];
    if (size === '0' || this.#complete.delete(sequence)) return false;
    this.#lacking.add(sequence);
    return true;
  }

  /** The consumer is known to send bodies, so what arrived like this is complete. */
  consumerSendsThem(): void {
    for (const sequence of this.#lacking) this.#complete.add(sequence);
    this.#lacking.clear();
  }
}
