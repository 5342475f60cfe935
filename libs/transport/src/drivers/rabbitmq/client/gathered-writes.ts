import type { Duplex } from 'node:stream';
import type { ChannelModel } from 'amqplib';

/**
 * Sends all frames of one turn of the event loop in one socket write. amqplib writes each frame separately, and without Nagle's
 * algorithm each is a system call and a packet, which also wakes up the server. No frame is delayed: amqplib emits its frames in one
 * loop, and the write follows at its end.
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
