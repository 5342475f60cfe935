/** What `tiers-process.ts` is to do. */
export interface TiersOrder {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly group: string;
  readonly waitMs: number;
  /** Messages that a kill may repeat. */
  readonly mostRepeated: number;
}

/** One attempt, as its handler saw it. */
export interface Attempt {
  readonly id: string;
  readonly attempt: number;
  readonly from: string;
  readonly place: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}
