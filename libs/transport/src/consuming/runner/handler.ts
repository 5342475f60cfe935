import type { Delivery } from '../../contract/index.js';

/** A handler as the runner calls it. What it returns is awaited; what it throws is classified. */
export type Handler = (payload: unknown, delivery: Delivery) => unknown;

/**
 * What a handler gave may stand for work that has only begun, such as a stream: then a promise of its end, else undefined.
 * n.b. a hook and not a wrapper around each handler, because a wrapper would cost a promise per message.
 */
export type RestOfWork = (result: unknown) => Promise<unknown> | undefined;
