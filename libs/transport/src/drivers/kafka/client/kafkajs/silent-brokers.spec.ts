import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { SilentBrokers } from './silent-brokers.js';
import { Sockets } from './sockets.js';

const frame = (...bytes: number[]): Buffer => Buffer.from([0, 0, 0, bytes.length, ...bytes]);

describe('a broker that does not answer', () => {
  let server: Server;
  const accepted: Socket[] = [];
  beforeEach(async () => {
    server = createServer((socket) => accepted.push(socket.on('error', () => undefined)));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  });
  afterEach(async () => {
    for (const socket of accepted.splice(0)) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });

  const open = async (sockets: Sockets): Promise<{ socket: Socket; broker: string }> => {
    const { port } = server.address() as AddressInfo;
    const made = new Promise<Socket>((resolve) => {
      const socket: Socket = sockets.factory({
        ...{ host: '127.0.0.1', port, ssl: false as never },
        onConnect: () => resolve(socket),
      });
    });
    const socket = await made;
    return { socket: socket.on('error', () => undefined), broker: `127.0.0.1:${port}` };
  };

  it('is late while a request has no answer, however the answers before it were cut into pieces', async () => {
    const sockets = new Sockets();
    const { socket, broker } = await open(sockets);
    const isLate = (): boolean => sockets.late(Infinity).includes(broker);
    expect(isLate()).toBe(false);
    socket.write('one');
    socket.write('two');
    expect(isLate()).toBe(true);
    const answers = Buffer.concat([frame(1, 2, 3), frame(4, 5)]);
    for (const part of [answers.subarray(0, 2), answers.subarray(2, 9), answers.subarray(9)]) {
      expect(isLate()).toBe(true);
      const read = new Promise((resolve) => socket.once('data', resolve));
      accepted[0]?.write(part);
      await read;
    }
    expect(isLate()).toBe(false);
    sockets.destroyAll();
  });

  it('is disconnected and not dialed again when the cluster no longer lists it, and dialed when it is back', async () => {
    const alive = new Set(['127.0.0.1:1']);
    const silent = new SilentBrokers(-2_000, [], () => Promise.resolve(alive));
    const sockets = new Sockets((address) => silent.isGone(address));
    silent.watch(sockets);
    const { socket, broker } = await open(sockets);
    const failed = new Promise<Error>((resolve) => socket.once('error', resolve));
    socket.write('a question');
    expect((await failed).message).toContain(`broker ${broker} does not answer`);
    await expect(open(sockets)).rejects.toThrow(`the cluster no longer lists broker ${broker}`);
    alive.add(broker);
    while (silent.isGone(broker)) await new Promise((resolve) => setTimeout(resolve, 50));
    await open(sockets);
    sockets.destroyAll();
  });

  it('stays connected as long as the cluster counts on it', async () => {
    let asked = 0;
    const sockets = new Sockets();
    const { socket, broker } = await open(sockets);
    const silent = new SilentBrokers(-2_000, [], () => Promise.resolve(new Set([broker].slice(0, ++asked))));
    silent.watch(sockets);
    socket.write('a question');
    while (asked < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(socket.destroyed).toBe(false);
    sockets.destroyAll();
  });

  it('at a bootstrap address that the cluster does not list stays connected, unless it took or gave records', async () => {
    let asked = 0;
    const sockets = new Sockets();
    const { socket, broker } = await open(sockets);
    const silent = new SilentBrokers(-2_000, [broker], () =>
      Promise.resolve(new Set(++asked > 0 ? ['kafka-1:9092'] : [])),
    );
    silent.watch(sockets);
    socket.write('a question');
    while (asked < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(socket.destroyed).toBe(false);
    socket.write(Buffer.from([0, 0, 0, 4, 0, 1, 0, 11]));
    await new Promise((resolve) => socket.once('error', resolve));
    expect(silent.isGone(broker)).toBe(true);
    sockets.destroyAll();
  });
});
