import { filter, map } from 'rxjs';
import { isTransportError, messageOf, type Codec, type Delivery, type Reply } from '../contract/index.js';
import type { Handler } from '../consuming/index.js';
import { isStream } from './completion.js';

type Answer = (reply: Reply) => void;

/**
 * Makes a handler of `@MessagePattern` answer the sender: every value of its result, then the end, or its error.
 * An error is answered and not tried again: the sender decides. A message nobody waits for is handled as an event.
 * @param call the handler; its result may be a stream
 * @param report told what is not told to the sender
 */
export function answering(
  call: (payload: unknown, delivery: Delivery) => Promise<unknown>,
  codec: Codec,
  report: (error: unknown, delivery: Delivery) => void,
): Handler {
  return async (payload, delivery) => {
    const { reply } = delivery;
    try {
      await answer(await call(payload, delivery), codec, reply ?? (() => undefined));
    } catch (error) {
      if (reply === undefined) throw error;
      if (!isForTheSender(error)) report(error, delivery);
      reply(errorReply(error));
    }
  };
}

function answer(result: unknown, codec: Codec, reply: Answer): Promise<void> | void {
  if (!isStream(result)) {
    return reply(result === undefined ? { kind: 'end' } : { kind: 'value', body: codec.encode(result), last: true });
  }
  // n.b. mapped before it is subscribed to: what a subscriber throws, rxjs throws again where nobody catches it.
  const replies = result.pipe(
    filter((value) => value !== undefined),
    map((value) => codec.encode(value)),
  );
  return new Promise((resolve, reject) => {
    replies.subscribe({
      next: (body) => reply({ kind: 'value', body, last: false }),
      error: reject,
      complete: () => resolve(reply({ kind: 'end' })),
    });
  });
}

/** n.b. as Nest does: what a handler says on purpose reaches the sender, what merely happened inside does not. */
function isForTheSender(error: unknown): boolean {
  const { getError, getStatus } = Object(error) as { getError?: unknown; getStatus?: unknown };
  return typeof getError === 'function' || typeof getStatus === 'function' || isTransportError(error);
}

function errorReply(error: unknown): Reply {
  if (!isForTheSender(error)) return { kind: 'error', name: 'Error', message: 'Internal server error' };
  return { kind: 'error', name: (error as Error).name, message: messageOf(error) };
}
