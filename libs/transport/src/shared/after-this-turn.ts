/**
 * Runs `action` after everything that waits in this turn. Confirmations arrive in groups, and a publisher sends its
 * next message in the same turn, so a driver that looks afterwards sees all of them. It runs earlier than
 * `setImmediate`.
 */
export const afterThisTurn = (action: () => void): void => queueMicrotask(() => process.nextTick(action));
