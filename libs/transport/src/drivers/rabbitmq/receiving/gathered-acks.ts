import { afterThisTurn } from '../../../shared/index.js';
import type { RabbitmqRecord } from '../mapping.js';

/** Sends an ack. @param upTo whether it also acks all earlier messages of the channel (`multiple`) */
export type SendAck = (record: RabbitmqRecord, upTo: boolean) => void;

/**
 * Combines the acks of one channel at the end of a turn of the event loop: one ack up to the first unsettled message, and single acks
 * after it. Delivery tags of a channel start at 1.
 */
export class GatheredAcks {
  readonly #send: SendAck;
  #pending: RabbitmqRecord[] = [];
  /** Settled tags from `#lowest` on. */
  readonly #settled = new Set<number>();
  /** The lowest unsettled tag. */
  #lowest = 1;

  constructor(send: SendAck) {
    this.#send = send;
  }

  add(record: RabbitmqRecord): void {
    if (this.#pending.length === 0) afterThisTurn(() => this.flush());
    this.#pending.push(record);
  }

  /** Excludes a message that was settled by a nack. */
  leaveOut({ fields: { deliveryTag } }: RabbitmqRecord): void {
    this.#settled.add(deliveryTag);
  }

  /** Sends the pending acks. It names only pending tags, because the server closes the channel for an ack of a settled tag. */
  flush(): void {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    for (const { fields } of pending) this.#settled.add(fields.deliveryTag);
    while (this.#settled.delete(this.#lowest)) this.#lowest++;
    let last: RabbitmqRecord | undefined;
    for (const record of pending) {
      const { deliveryTag } = record.fields;
      if (deliveryTag >= this.#lowest) this.#send(record, false);
      else if (last === undefined || deliveryTag > last.fields.deliveryTag) last = record;
    }
    if (last !== undefined) this.#send(last, true);
  }
}
