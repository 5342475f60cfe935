import type { Duplex } from 'node:stream';
import type { ChannelModel } from 'amqplib';

/**
 * Lets all frames of one turn leave in one write to the socket. amqplib writes every frame by itself, and without Nagle's
 * algorithm each is a system call and a packet, which also wakes the server up.
 * n.b. nothing waits longer for it: amqplib passes its frames on in one loop, and the write follows at the end of that.
 */
export function gatherWrites(model: ChannelModel): void {
  const { stream } = model.connection as unknown as { readonly stream?: Partial<Duplex> };
  if (typeof stream?.cork !== 'function' || typeof stream.write !== 'function') return;
  const socket = stream as Duplex;
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isGathering = false;
  const end = (): void => {
    isGathering = false;
    socket.uncork();
  };
  socket.write = (...args: unknown[]): boolean => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      process.nextTick(end);
    }
    return write(...args);
  };
}
