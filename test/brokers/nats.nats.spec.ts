import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { endBy, loneProgram, tracesOf, until } from './lone-program.js';
import { uniqueName } from './names.mjs';
import { probeNats } from './nats/probe.mjs';
import { startNats, useNats, type PrivateNats } from './nats.mjs';

async function publish(servers: string, stream: string, ...values: string[]): Promise<void> {
  const connection = await connect({ servers });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`] });
  for (const value of values) await jetstream(connection).publish(`${stream}.x`, value);
  await connection.close();
}

async function read(servers: string, stream: string): Promise<string[]> {
  const connection = await connect({ servers });
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(stream);
  const values: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    values.push((await manager.streams.getMessage(stream, { seq }))?.string() ?? '');
  }
  await connection.close();
  return values;
}

describe('a private NATS', () => {
  let nats: PrivateNats;
  beforeAll(async () => (nats = await startNats()), 180_000);
  afterAll(() => nats.stop());

  it('stores what plain @nats-io/jetstream publishes', async () => {
    const stream = uniqueName('orders');
    await publish(nats.url, stream, 'one', 'two');
    expect(await read(nats.url, stream)).toEqual(['one', 'two']);
  });

  it('keeps address and data over SIGKILL and over SIGTERM', async () => {
    const stream = uniqueName('orders');
    await publish(nats.url, stream, 'before');
    for (const end of ['kill', 'shutdown'] as const) {
      const pid = nats.pid;
      await nats[end]();
      expect([isAlive(pid), (await probeNats(nats.url)).ok]).toEqual([false, false]);
      await nats.restart();
      expect(nats.pid).not.toBe(pid);
      expect(await read(nats.url, stream)).toEqual(['before']);
    }
  });

  it('does not meet another one that starts at the same time, and leaves nothing when it is stopped', async () => {
    const both = await Promise.all([startNats(), startNats({ config: { max_payload: 2_000 } })]);
    const folders = both.map(({ logFile }) => dirname(logFile));
    expect(new Set([...both, nats].map(({ url }) => url)).size).toBe(3);
    const connections = await Promise.all(both.map(({ url }) => connect({ servers: url })));
    expect(connections.map(({ info }) => info?.max_payload)).toEqual([1_048_576, 2_000]);
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all(both.map((one) => one.stop()));
    expect(tracesOf(folders)).toEqual([]);
  });

  it('is shared through NATS_URL, and left running by the one who shares it', async () => {
    const shared = await useNats({ env: nats.env });
    expect(shared).toMatchObject({ source: 'listening', url: nats.url, env: nats.env });
    await shared.stop();
    expect(isAlive(nats.pid)).toBe(true);
  });
});

describe('what is no NATS with JetStream', () => {
  it('is told from one: nobody there, or somebody who speaks something else, or a server without JetStream', async () => {
    const greetings = ['SSH-2.0-x\r\n', 'INFO {"server_id":"x"}\r\n'];
    const servers = greetings.map((text) => createServer((socket) => socket.end(text)).listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await Promise.all(addresses.map((address) => probeNats(address)))).toEqual([
      { ok: false, why: `${addresses[0]} speaks no NATS` },
      { ok: false, why: `${addresses[1]} has no JetStream (start it with -js)` },
    ]);
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    expect(await probeNats(`nats://${addresses[0]}`)).toMatchObject({ why: expect.stringContaining('ECONNREFUSED') });
  });

  it('is refused when NATS_URL names it, with the address and what to do', async () => {
    await expect(useNats({ env: { NATS_URL: 'nats://127.0.0.1:1' } })).rejects.toThrow(
      /^\[nats\] not available: NATS_URL is set, but 127\.0\.0\.1:1: .* unset NATS_URL/,
    );
  });
});

describe('a program that dies without stopping its NATS', () => {
  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'leaves no server and no folder behind after %s',
    async (signal) => {
      const program = await loneProgram('./nats.mjs', 'startNats()', '[broker.logFile]');
      expect(tracesOf(program.folders).length).toBeGreaterThan(1);
      await endBy(program, signal);
      await until(() => tracesOf(program.folders).length === 0);
    },
  );
});
