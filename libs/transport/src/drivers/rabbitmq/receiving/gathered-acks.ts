import { afterThisTurn } from '../../../shared/index.js';
import type { RabbitmqRecord } from '../mapping.js';

/** Sends an ack. @param upTo it counts for all before it on the channel, too */
export type SendAck = (record: RabbitmqRecord, upTo: boolean) => void;

/**
 * Acks of one channel that leave together at the end of the turn: as one, up to the last before which nothing is unsettled, and
 * those behind it one by one. The channel counts its deliveries from 1.
 */
export class GatheredAcks {
  readonly #send: SendAck;
  #pending: RabbitmqRecord[] = [];
  /** Tags from `#lowest` on that are settled. */
  readonly #settled = new Set<number>();
  /** The lowest tag that is not settled. */
  #lowest = 1;

  constructor(send: SendAck) {
    this.#send = send;
  }

  add(record: RabbitmqRecord): void {
    if (this.#pending.length === 0) afterThisTurn(() => this.flush());
    this.#pending.push(record);
  }

  /** It was settled another way. */
  leaveOut({ fields: { deliveryTag } }: RabbitmqRecord): void {
    this.#settled.add(deliveryTag);
  }

  /** n.b. the ack of a tag that the server no longer waits for would cost the channel: only what is pending is named. */
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
