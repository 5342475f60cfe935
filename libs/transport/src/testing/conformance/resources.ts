import { setImmediate as nextTurn } from 'node:timers/promises';
import process from 'node:process';

/** Kinds of handles that a driver opens; the others belong to the runner. */
const WATCHED = new Set(['Timeout', 'TCPSocketWrap', 'TLSWrap', 'TCPConnectWrap', 'TCPServerWrap', 'MessagePort']);

/** What keeps the process alive now, counted by kind. */
export function openResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (WATCHED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/**
 * Resolves when nothing more is open than before.
 * @throws Error naming what is left after `patienceMs`: sockets need some turns of the event loop to be gone
 */
export async function assertNothingMoreOpen(before: ReadonlyMap<string, number>, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const left = [...openResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      const list = left.map(([kind, count]) => `${count - (before.get(kind) ?? 0)} ${kind}`).join(', ');
      throw new Error(`Still open after everything was closed: ${list}.`);
    }
    await nextTurn();
  }
}
