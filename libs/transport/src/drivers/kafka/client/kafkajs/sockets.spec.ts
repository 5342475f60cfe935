import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import * as kafkajs from 'kafkajs';
import { resolveKafkaOptions } from '../../options.js';
import { newKafka } from './settings.js';
import { placesOf, Sockets } from './sockets.js';

const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const int32 = (value: number): Buffer => Buffer.concat([int16(value >> 16), int16(value)]);
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);
const records = (partition: number, size: number): Buffer[] => [int32(partition), int32(size), Buffer.alloc(size, 'x')];

function produceRequest(version: number): Buffer {
  const transactionalId = version >= 3 ? [int16(-1)] : [];
  const head = [
    int32(0),
    int16(0),
    int16(version),
    int32(7),
    text('client'),
    ...transactionalId,
    int16(-1),
    int32(30_000),
  ];
  const orders = [text('orders'), int32(2), ...records(0, 5), ...records(3, 9)];
  return Buffer.concat([...head, int32(2), ...orders, text('payments'), int32(1), ...records(1, 0)]);
}

describe('a produce request on a socket', () => {
  it.each([2, 3, 7])('names its partitions in version %i', (version) => {
    expect(placesOf(produceRequest(version))).toEqual(['orders/0', 'orders/3', 'payments/1']);
  });

  it.each([
    ['of a later version', produceRequest(9)],
    ['that is cut off', produceRequest(7).subarray(0, 60)],
    ['with something after it', Buffer.concat([produceRequest(7), Buffer.alloc(1)])],
  ])('%s names no partition, rather than some of them', (_what, request) => {
    expect(placesOf(request)).toBeUndefined();
  });
});

describe('what was written for a partition', () => {
  let server: Server;
  let sockets: Sockets;
  let socket: Socket;
  let broker: string;

  beforeEach(async () => {
    server = createServer((accepted) => accepted.on('error', () => undefined).resume());
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    sockets = new Sockets();
    broker = `127.0.0.1:${port}`;
    socket = sockets.factory({
      host: '127.0.0.1',
      port,
      ssl: undefined as never,
      onConnect: () => undefined,
    }) as Socket;
    socket.on('error', () => undefined);
  });
  afterEach(async () => {
    sockets.destroyAll();
    await new Promise((closed) => server.close(closed));
  });

  it('is counted, and its answer once', () => {
    socket.write(produceRequest(7));
    expect(sockets.producesTo('orders', 3)).toEqual({ written: 1, answered: 0 });
    for (const id of [7, 7, 8]) sockets.answered({ broker, correlationId: id });
    expect(sockets.producesTo('orders', 3)).toEqual({ written: 1, answered: 1 });
    expect(sockets.producesTo('orders', 1)).toEqual({ written: 0, answered: 0 });
  });

  it('counts a request that cannot be read as a write to each partition, without an answer', () => {
    socket.write(produceRequest(9));
    sockets.answered({ broker, correlationId: 7 });
    expect(sockets.producesTo('anything', 5)).toEqual({ written: 1, answered: 0 });
  });
});

it('connects to an IPv6 address of the options', async () => {
  const options = resolveKafkaOptions({ brokers: ['[::1]:1'] });
  const { kafka, sockets } = newKafka(kafkajs, options, 'test', { retries: 0 });
  await expect(kafka.admin().connect()).rejects.toThrow('::1:1');
  sockets.destroyAll();
});
