import { TransportError } from './errors.js';

/**
 * Where a group without a stored position starts: at the oldest message of the topic (`'beginning'`), at the next new
 * message (`'new'`), at the first message stored at or after a time, or at an offset.
 */
export type StartFrom = 'beginning' | 'new' | Date | StartOffset;

/**
 * The message at which a group starts, as `context.offset` names it. Use `offsets` by partition where the broker has
 * partitions (a partition that is not listed is read from its beginning), and `offset` where it has none. An offset
 * that is no longer kept, or does not exist yet, is replaced by the nearest one; `subscription:warned` reports it.
 */
export type StartOffset = { readonly offset: string } | { readonly offsets: Readonly<Record<number, string>> };

/** The range of offsets in a partition, or in a broker without partitions. */
export interface KeptOffsets {
  /** Offset of the oldest message that is kept. */
  readonly first: number;
  /** Offset of the next message. */
  readonly next: number;
}

export const isStartOffset = (startFrom: StartFrom): startFrom is StartOffset =>
  typeof startFrom === 'object' && !(startFrom instanceof Date);

/** Returns the requested offset; undefined if this partition is not listed. */
export function offsetIn(start: StartOffset, partition: number | undefined): number | undefined {
  const asked = 'offset' in start ? start.offset : start.offsets[partition ?? 0];
  return asked === undefined ? undefined : Number(asked);
}

/**
 * Returns where a reader that requests an offset actually starts.
 * @param place the place as the warning names it: `partition 3`
 * @returns `warning`: why the offset differs from the requested one
 */
export function nearestKept(
  asked: number,
  { first, next }: KeptOffsets,
  place: string,
): { readonly offset: number; readonly warning?: string } {
  if (asked < first) {
    const warning = `startFrom requests offset ${asked} of ${place}, but the oldest kept offset is ${first}: reading starts there, and earlier messages are gone`;
    return { offset: first, warning };
  }
  if (asked <= next) return { offset: asked };
  const warning = `startFrom requests offset ${asked} of ${place}, but the next offset is ${next}: reading starts there; check whether the topic was recreated or the offset belongs to another topic`;
  return { offset: next, warning };
}

/**
 * Rejects an offset for a partition that the topic does not have.
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
    `[${driver}] startFrom of group "${group}" on "${topic}" names partition ${unknown.join(', ')}, but the topic has only ${partitions} (0 to ${partitions - 1}).`,
    { driver, topic },
  );
}
