import type { NsqdFacts } from './client/index.js';

/**
 * | age of a message              | action                                                                |
 * |-------------------------------|-----------------------------------------------------------------------|
 * | below a third of the timeout  | nothing                                                               |
 * | more                          | touched, so nsqd does not redeliver it                                |
 * | near `-max-msg-timeout`       | returned to nsqd, because touching cannot extend it any more          |
 */
export type DeadlineAction = 'nothing' | 'touch' | 'return';

/** Checks per message timeout. */
export const LOOKS = 6;
/** Fraction of the timeout after which a message is touched. */
const TOUCH_PART = 1 / 3;
/** Milliseconds before the deadline: time for the way to nsqd, and for its output buffer. */
const MARGIN_MS = 1_000;
const MARGIN_PART = 10;

/** Returns what to do with a message of this age that was last touched `keptMs` ago. */
export function actionAt(
  ageMs: number,
  { messageTimeoutMs, maxMessageTimeoutMs }: NsqdFacts,
  keptMs = ageMs,
): DeadlineAction {
  if (ageMs >= keptForMs(maxMessageTimeoutMs)) return 'return';
  return keptMs >= messageTimeoutMs * TOUCH_PART ? 'touch' : 'nothing';
}

/** Returns how many milliseconds a message can be kept after its delivery. */
export function keptForMs(maxMessageTimeoutMs: number): number {
  return maxMessageTimeoutMs - Math.min(MARGIN_MS, maxMessageTimeoutMs / MARGIN_PART);
}
