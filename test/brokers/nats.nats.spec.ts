import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  type Authenticator,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { isAlive } from '../../scripts/lib/lock.mjs';
import { endBy, loneProgram, tracesOf, until } from './lone-program.js';
import { uniqueName } from '../../tools/brokers/names.mjs';
import { probeNats } from '../../tools/brokers/nats/probe.mjs';
import { startNats, useNats, type PrivateNats, type StartOptions } from '../../tools/brokers/nats.mjs';

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

describe('a secured NATS', () => {
  let nats: PrivateNats | undefined;
  afterEach(() => nats?.stop());

  async function start(options: StartOptions): Promise<PrivateNats> {
    nats = await startNats(options);
    return nats;
  }

  /** Logs in, and stores one message, so that a login without JetStream is no login. */
  async function login(options: NodeConnectionOptions, subject = 'allowed.x'): Promise<'in'> {
    const connection = await connect({ servers: nats?.url ?? '', reconnect: false, ...options });
    try {
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: 'S', subjects: ['allowed.>', 'other.>'] });
      await jetstream(connection).publish(subject, 'x', { timeout: 1_000 });
      return 'in';
    } finally {
      await connection.close();
    }
  }

  it('by TLS takes the right CA and refuses none and another', async () => {
    const { certificates } = (await start({ tls: 'server' })).secure;
    expect(await login({ tls: { ca: certificates.ca.cert } })).toBe('in');
    await expect(login({ tls: {} })).rejects.toThrow(/self.signed|unable to verify/);
    await expect(login({ tls: { ca: certificates.wrongCa.cert } })).rejects.toThrow(/self.signed|unable to verify/);
  });

  it('by TLS with a certificate for another host is refused although its CA is right', async () => {
    const { certificates } = (await start({ tls: 'wrong-host' })).secure;
    await expect(login({ tls: { ca: certificates.ca.cert } })).rejects.toThrow(/altnames/);
  });

  it('by mutual TLS takes our client and refuses none and a client of another CA', async () => {
    const { certificates } = (await start({ tls: 'mutual' })).secure;
    const ca = certificates.ca.cert;
    const pair = (name: 'client' | 'wrongClient') => ({
      cert: certificates[name].cert,
      key: certificates[name].key,
    });
    expect(await login({ tls: { ca, ...pair('client') } })).toBe('in');
    await expect(login({ tls: { ca } })).rejects.toThrow();
    await expect(login({ tls: { ca, ...pair('wrongClient') } })).rejects.toThrow();
  });

  it('by password takes the user, refuses a wrong password, and lets a limited user no further than allowed', async () => {
    const { users } = (await start({ login: 'password' })).secure;
    expect(await login(users.right)).toBe('in');
    await expect(login(users.wrongPassword)).rejects.toThrow(/Authorization Violation/i);
    await expect(login({})).rejects.toThrow(/Authorization Violation/i);
    expect(await login(users.limited)).toBe('in');
    await expect(login(users.limited, 'other.x')).rejects.toThrow(/Permissions Violation|timeout/i);
  });

  it('by token takes the right one and refuses another', async () => {
    const { tokens } = (await start({ login: 'token' })).secure;
    expect(await login({ token: tokens.right })).toBe('in');
    await expect(login({ token: tokens.wrong })).rejects.toThrow(/Authorization Violation/i);
  });

  it('by nkey takes the right seed and refuses another', async () => {
    const { seeds } = (await start({ login: 'nkey' })).secure;
    const by = (seed: string): { authenticator: Authenticator } => ({
      authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
    });
    expect(await login(by(seeds.right))).toBe('in');
    await expect(login(by(seeds.wrong))).rejects.toThrow(/Authorization Violation/i);
  });

  it('by creds takes the user of its account, and refuses a foreign one and an expired one, over TLS too', async () => {
    const { creds, certificates } = (await start({ login: 'creds', tls: 'server' })).secure;
    const by = (text: string): NodeConnectionOptions => ({
      authenticator: credsAuthenticator(new TextEncoder().encode(text)),
      tls: { ca: certificates.ca.cert },
    });
    expect(await login(by(creds.right))).toBe('in');
    await expect(login(by(creds.foreign))).rejects.toThrow(/Authorization Violation/i);
    await expect(login(by(creds.expired))).rejects.toThrow(/Authorization Violation|expired/i);
  });
});
