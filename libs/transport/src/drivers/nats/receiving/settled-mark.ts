import type { Settlement } from '../../../contract/index.js';
import type { NatsDelivery } from './delivery.js';

/** What is remembered of a delivery that was settled: not its body. */
export class SettledMark {
  readonly topic: string;
  readonly group: string;
  readonly id: string;
  readonly key: string | undefined;
  readonly attempt: number;
  readonly sequence: number;
  /** Where the settlement went. */
  readonly address: string;
  readonly settlement: Settlement;
  /** It was reported that the settlement failed. */
  isReported = false;

  constructor({ topic, group, id, key, attempt, sequence, address }: NatsDelivery, settlement: Settlement) {
    this.topic = topic;
    this.group = group;
    this.id = id;
    this.key = key;
    this.attempt = attempt;
    this.sequence = sequence;
    this.address = address;
    this.settlement = settlement;
  }
}
