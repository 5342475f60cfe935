import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import { gatherWrites } from './gathered-writes.js';

/** Notes how many frames reach the socket at once. */
class NotingSocket extends Duplex {
  readonly writes: number[] = [];

  override _write(_frame: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(1);
    done();
  }

  override _writev(frames: unknown[], done: () => void): void {
    this.writes.push(frames.length);
    done();
  }
}

const modelOver = (stream: unknown): ChannelModel => ({ connection: { stream } }) as unknown as ChannelModel;

describe('the frames of a connection', () => {
  it('are sent in one write per turn', async () => {
    const socket = new NotingSocket();
    gatherWrites(modelOver(socket));
    for (let frame = 0; frame < 5; frame++) socket.write(Buffer.from('frame'));
    await turn();
    for (let frame = 0; frame < 3; frame++) socket.write(Buffer.from('frame'));
    await turn();
    expect(socket.writes).toEqual([5, 3]);
  });

  it('are sent as amqplib writes them when it exposes no socket', () => {
    expect(() => gatherWrites(modelOver(undefined))).not.toThrow();
  });
});
