import type { Clock, DeliverySink } from '../../contract/index.js';

/** One member of a group: a subscription of one connection. */
export interface MemoryMember {
  readonly sink: DeliverySink;
  readonly maxInFlight: number;
  readonly clock: Clock;
}
