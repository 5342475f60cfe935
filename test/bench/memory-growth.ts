import { median } from './statistics.js';

const MIB = 1_048_576;

export interface Growth {
  /** Median of the second quarter: after the warm-up. */
  readonly rssEarlyMiB: number;
  /** Median of the last quarter. */
  readonly rssLateMiB: number;
  readonly rssMaxMiB: number;
}

/** How the resident memory moved once the process was warm. @param samples bytes, at equal intervals */
export function growthOf(samples: readonly number[]): Growth {
  const quarter = Math.floor(samples.length / 4);
  const mib = (bytes: number): number => Math.round((bytes / MIB) * 10) / 10;
  return {
    rssEarlyMiB: mib(median(samples.slice(quarter, 2 * quarter))),
    rssLateMiB: mib(median(samples.slice(samples.length - quarter))),
    rssMaxMiB: mib(Math.max(...samples)),
  };
}

/** A heap breathes by a few MiB; what leaks over so many messages is far more. */
export const FLAT_WITHIN_MIB = 16;

export const isFlat = ({ rssEarlyMiB, rssLateMiB }: Growth): boolean => rssLateMiB - rssEarlyMiB <= FLAT_WITHIN_MIB;
