import type { NsqdFacts } from './client/index.js';

/**
 * | age of a message              | what is done                                                          |
 * |-------------------------------|-----------------------------------------------------------------------|
 * | below a third of the timeout  | nothing                                                               |
 * | more                          | touched, so that nsqd gives it to nobody else                         |
 * | near `-max-msg-timeout`       | given back: touching does not help any more, and nsqd would take it   |
 */
export type DeadlineAction = 'nothing' | 'touch' | 'give back';

/** Looks in one timeout. */
export const LOOKS = 3;
/** Before the last moment: for the way to nsqd, and for what it collects before it sends. */
const MARGIN_MS = 1_000;
const MARGIN_PART = 10;

/** What to do with a message that came `ageMs` ago. */
export function actionAt(ageMs: number, { messageTimeoutMs, maxMessageTimeoutMs }: NsqdFacts): DeadlineAction {
  if (ageMs >= keptForMs(maxMessageTimeoutMs)) return 'give back';
  return ageMs >= messageTimeoutMs / LOOKS ? 'touch' : 'nothing';
}

/** How long a message can be kept, from its delivery. */
export function keptForMs(maxMessageTimeoutMs: number): number {
  return maxMessageTimeoutMs - Math.min(MARGIN_MS, maxMessageTimeoutMs / MARGIN_PART);
}
