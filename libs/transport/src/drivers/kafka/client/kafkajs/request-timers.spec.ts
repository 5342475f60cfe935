import * as kafkajs from 'kafkajs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { resolveKafkaOptions } from '../../options.js';
import { newKafka } from './settings.js';

it('a connection of kafkajs sets no timer with a negative time, of which Node 24 warns', async () => {
  const sockets = new Set<Socket>();
  const asked = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      // Why an answer: kafkajs sets the timer when a request was answered.
      socket.on('data', (request: Buffer) => {
        const answer = Buffer.alloc(8);
        answer.writeInt32BE(4, 0);
        answer.writeInt32BE(request.readInt32BE(8), 4);
        socket.write(answer, () => resolve());
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const nodes = globalThis.setTimeout;
  const waits: number[] = [];
  const noting = (action: () => void, waitMs = 0): NodeJS.Timeout => {
    waits.push(waitMs);
    return nodes(action, waitMs);
  };
  globalThis.setTimeout = noting as typeof setTimeout;
  const { port } = server.address() as AddressInfo;
  const own = newKafka(kafkajs, resolveKafkaOptions({ brokers: [`127.0.0.1:${port}`] }), 'test', { retries: 0 });
  try {
    await own.kafka
      .admin()
      .connect()
      .catch(() => undefined);
    await asked;
    expect(waits.length).toBeGreaterThan(0);
    expect(waits.filter((waitMs) => waitMs < 0)).toEqual([]);
  } finally {
    globalThis.setTimeout = nodes;
    own.sockets.destroyAll();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}, 60_000);

const server = createServer();
