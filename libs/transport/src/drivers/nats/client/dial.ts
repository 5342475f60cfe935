import type { ConnectionOptions } from 'node:tls';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { connectionSettings, type Clients } from './clients.js';
import { transportError } from './failures.js';
import type { ResolvedNatsOptions } from '../options.js';
import { tlsTrouble } from './tls-trouble.js';

/** An open connection, and JetStream on it. */
export interface Dialled {
  readonly connection: NatsConnection;
  /** undefined with core NATS. */
  readonly manager: JetStreamManager | undefined;
}

/** Connects and logs in once; with JetStream it also checks that JetStream is available. @throws TransportError */
export async function dial(clients: Clients, options: ResolvedNatsOptions, clientName: string): Promise<Dialled> {
  const { servers, tls } = options;
  const place = { what: `cannot connect to ${servers.join(', ')}`, servers, tls: tls !== undefined };
  let connection: NatsConnection | undefined;
  try {
    connection = await connect(clients, servers, connectionSettings(clients, options, clientName));
    return { connection, manager: await managerOf(connection, clients, options) };
  } catch (error) {
    await connection?.close();
    throw transportError(error, place);
  }
}

async function connect(
  { nats }: Clients,
  servers: readonly string[],
  settings: NodeConnectionOptions,
): Promise<NatsConnection> {
  const connecting = nats.connect(settings);
  if (!settings.tls) return connecting;
  const trouble = tlsTrouble(servers, settings.tls as ConnectionOptions);
  try {
    return await Promise.race([connecting, trouble.found]);
  } catch (error) {
    // The reason is already known; a connection that opens afterwards is closed.
    connecting.then((late) => late.close()).catch(() => undefined);
    throw error;
  } finally {
    trouble.end();
  }
}

async function managerOf(
  connection: NatsConnection,
  { jetstream }: Clients,
  { domain, requestTimeoutMs: timeout }: ResolvedNatsOptions,
): Promise<JetStreamManager | undefined> {
  if (jetstream === undefined) return undefined;
  const settings = { checkAPI: false, timeout, ...(domain === undefined ? {} : { domain }) };
  const manager = await jetstream.jetstreamManager(connection, settings);
  try {
    await manager.getAccountInfo();
  } catch (error) {
    // A user may have permissions for its streams only, and none to query the account.
    const { code } = transportError(error, { what: '', servers: [], tls: false });
    if (code !== 'TRANSPORT_AUTHORIZATION_FAILED') throw error;
  }
  return manager;
}
