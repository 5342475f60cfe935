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
export const LOOKS = 6;
/** Touched when so much of the timeout is over. */
const TOUCH_PART = 1 / 3;
/** Before the last moment: for the way to nsqd, and for what it collects before it sends. */
const MARGIN_MS = 1_000;
const MARGIN_PART = 10;

/** What to do with a message that came `ageMs` ago, and was touched last `keptMs` ago. */
export function actionAt(
  ageMs: number,
  { messageTimeoutMs, maxMessageTimeoutMs }: NsqdFacts,
  keptMs = ageMs,
): DeadlineAction {
  if (ageMs >= keptForMs(maxMessageTimeoutMs)) return 'give back';
  return keptMs >= messageTimeoutMs * TOUCH_PART ? 'touch' : 'nothing';
}

/** How long a message can be kept, from its delivery. */
export function keptForMs(maxMessageTimeoutMs: number): number {
  return maxMessageTimeoutMs - Math.min(MARGIN_MS, maxMessageTimeoutMs / MARGIN_PART);
}
