import { nearestKept, offsetIn, type Subscription } from '../../../contract/index.js';
import type { ClientMember } from '../client/seam.js';

/** Offsets of the first record and after the last record of a partition. */
interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Returns where a group without a committed offset starts in a partition. `warning` says why it is not the requested offset. */
export async function firstPlace(
  member: ClientMember,
  { topic, startFrom }: Subscription,
  partition: number,
  { low, high }: Bounds,
): Promise<{ readonly offset: number; readonly warning?: string }> {
  if (startFrom === 'beginning') return { offset: low };
  if (startFrom === 'new') return { offset: high };
  if (startFrom instanceof Date) {
    return { offset: (await member.offsetsAt(topic, [partition], startFrom.getTime())).get(partition) ?? high };
  }
  const kept = { first: low, next: high };
  return nearestKept(offsetIn(startFrom, partition) ?? low, kept, `partition ${partition}`);
}
