import { TransportError } from './errors.js';

/**
 * Where a group begins that has never settled anything: with what the topic still holds, with what comes next, with
 * what was stored at a moment or after it, or with the message at an offset.
 */
export type StartFrom = 'beginning' | 'new' | Date | StartOffset;

/**
 * A message by its place, as `context.offset` names it; it is the first that the group gets. `offsets` by partition where
 * the broker has partitions, and one that is not named is read from its beginning; `offset` where it has none.
 * An offset that is not kept any more, or not there yet, gives the nearest one, told by `subscription:warned`.
 */
export type StartOffset = { readonly offset: string } | { readonly offsets: Readonly<Record<number, string>> };

/** Offsets that a partition, or a broker without partitions, has to give. */
export interface KeptOffsets {
  /** Of the oldest message that is kept. */
  readonly first: number;
  /** Of the message that comes next. */
  readonly next: number;
}

export const isStartOffset = (startFrom: StartFrom): startFrom is StartOffset =>
  typeof startFrom === 'object' && !(startFrom instanceof Date);

/** The offset asked for; undefined: this partition is not named. */
export function offsetIn(start: StartOffset, partition: number | undefined): number | undefined {
  const asked = 'offset' in start ? start.offset : start.offsets[partition ?? 0];
  return asked === undefined ? undefined : Number(asked);
}

/**
 * Where a reader really begins that asks for an offset.
 * @param place as a warning names it: `partition 3`
 * @returns `warning`: why it is another one than was asked for
 */
export function nearestKept(
  asked: number,
  { first, next }: KeptOffsets,
  place: string,
): { readonly offset: number; readonly warning?: string } {
  if (asked < first) {
    const warning = `startFrom asks for offset ${asked} of ${place}, and the oldest that is kept is ${first}: it begins there, and what was before is gone`;
    return { offset: first, warning };
  }
  if (asked <= next) return { offset: asked };
  const warning = `startFrom asks for offset ${asked} of ${place}, and the next message will be ${next}: it begins with that one; look whether the topic was made anew, or the offset is of another one`;
  return { offset: next, warning };
}

/**
 * Refuses an offset of a partition that the topic does not have.
 * @throws TransportError `TRANSPORT_OPTION_CONFLICT`
 */
export function refuseUnknownPartitions(
  driver: string,
  { topic, group, startFrom }: { readonly topic: string; readonly group: string; readonly startFrom: StartFrom },
  partitions: number,
): void {
  if (!isStartOffset(startFrom) || !('offsets' in startFrom)) return;
  const unknown = Object.keys(startFrom.offsets).filter((partition) => Number(partition) >= partitions);
  if (unknown.length === 0) return;
  throw new TransportError(
    'TRANSPORT_OPTION_CONFLICT',
    `[${driver}] startFrom of group "${group}" on "${topic}" names partition ${unknown.join(', ')}, and the topic has ${partitions}, from 0 to ${partitions - 1}.`,
    { driver, topic },
  );
}
