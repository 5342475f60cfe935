import type { NatsMessage } from '../mapping.js';

/** What the server writes in place of a body. */
const SIZE_HEADER = 'Nats-Msg-Size';

/**
 * Finds messages that came without the body that they have: the consumer was set to `headers_only`. A message that was stored with
 * such a header is known by its consumer, which does send bodies.
 */
export class Bodies {
  readonly #lacking = new Set<number>();
  readonly #complete = new Set<number>();

  /** @param sequence its number in the stream */
  lacks({ data, headers }: NatsMessage, sequence: number): boolean {
    if (data.length > 0) return false;
    const [size = '0'] = headers?.values(SIZE_HEADER) ?? [];
    if (size === '0' || this.#complete.delete(sequence)) return false;
    this.#lacking.add(sequence);
    return true;
  }

  /** The settings of the consumer were looked at: what came so is complete. */
  consumerSendsThem(): void {
    for (const sequence of this.#lacking) this.#complete.add(sequence);
    this.#lacking.clear();
  }
}
