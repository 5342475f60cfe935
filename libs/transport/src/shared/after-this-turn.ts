/**
 * Runs `action` when everything that waits in this turn has gone on. Confirms come in groups, and who waited for one publishes
 * its next message in the same turn: a driver that looks afterwards sees all of them. n.b. earlier than `setImmediate`.
 */
export const afterThisTurn = (action: () => void): void => queueMicrotask(() => process.nextTick(action));
