import type { Delivery } from '../../contract/index.js';

/** A handler as the runner calls it. Its result is awaited; its error is classified. */
export type Handler = (payload: unknown, delivery: Delivery) => unknown;

/**
 * Returns a Promise of the end if a handler's result stands for running work, such as a stream; otherwise undefined. It
 * is a hook and not a wrapper around each handler, because a wrapper would cost a Promise per message.
 */
export type RestOfWork = (result: unknown) => Promise<unknown> | undefined;
