/**
 * The server counts deliveries. A message that keeps the order of its key is tried again without being delivered again, so a
 * process that ends in order leaves a note of such messages in the metadata of their consumer:
 *
 * ```
 * nest-transport.attempts: 17=3,20=2      message 17 of the stream: the next attempt is the third
 * ```
 */
export const NOTE_NAME = 'nest-transport.attempts';

/** More than this is not noted; the server counts on from what it knows. */
const MAX_NOTED = 1_000;

export function noteOf(attempts: ReadonlyMap<number, number>, settledUpTo: number): string {
  return [...attempts]
    .filter(([sequence]) => sequence > settledUpTo)
    .slice(0, MAX_NOTED)
    .map(([sequence, attempt]) => `${sequence}=${attempt}`)
    .join(',');
}

/** n.b. total: anybody may have written there. */
export function attemptsIn(note: string | undefined): Map<number, number> {
  const attempts = new Map<number, number>();
  for (const entry of (note ?? '').split(',')) {
    const [, sequence, attempt] = /^(\d{1,15})=(\d{1,9})$/.exec(entry) ?? [];
    if (sequence !== undefined) attempts.set(Number(sequence), Number(attempt));
  }
  return attempts;
}
