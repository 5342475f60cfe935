/**
 * One line of a history, in the order things happened. Plain data, so that several processes can write theirs to a file
 * and a test can put them together (`History.of`).
 */
export type HistoryEntry =
  | { readonly what: 'publish'; readonly id: string; readonly topic: string; readonly key?: string | undefined }
  | { readonly what: 'published'; readonly id: string; readonly outcome: PublishOutcome }
  | (Handling & {
      readonly what: 'handle';
      /** 1 on the first delivery. */
      readonly attempt: number;
    })
  | (Handling & { readonly what: 'handled'; readonly outcome: 'ok' | 'failed' })
  | (Handling & { readonly what: 'settled'; readonly how: 'ack' | 'drop' | 'dead-letter' });

/** `unknown`: the publish failed with an unknown outcome, so the message may be stored. */
export type PublishOutcome = 'ok' | 'failed' | 'unknown';

/** @inline */
export interface Handling {
  readonly id: string;
  readonly topic: string;
  readonly group: string;
}
