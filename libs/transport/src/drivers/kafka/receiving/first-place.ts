import { nearestKept, offsetIn, type Subscription } from '../../../contract/index.js';
import type { ClientMember } from '../client/seam.js';

/** Offsets that a partition has to give: of its first record, and past its last one. */
interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Where a group that has committed nothing begins in a partition. `warning`: why that is not the offset that was asked for. */
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
