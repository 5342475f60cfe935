import { isIP } from 'node:net';
import type { ChannelModel, Options, SocketOptions } from 'amqplib';
import { TransportError } from '../../../contract/index.js';
import { loadPeer, unloaded } from '../../../shared/index.js';
import type { RabbitmqAddress } from './addresses.js';
import { dialError, isVhostRefused } from './failures.js';
import { gatherWrites } from './gathered-writes.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { vhostRefusal, type VhostRefusal } from './vhost-refusal.js';

/** One AMQP connection, and a function that destroys its socket in any state. */
export interface Dialed {
  readonly model: ChannelModel;
  readonly destroy: () => void;
}

/** Opens AMQP connections. It tries the nodes of the cluster in turn until one responds. */
export class Dialer {
  readonly #options: ResolvedRabbitmqOptions;
  readonly #name: string;
  #next: number;

  /** @param name the connection name in the management UI */
  constructor(options: ResolvedRabbitmqOptions, name: string) {
    this.#options = options;
    this.#name = name;
    // A random start spreads the connections of many processes over the nodes.
    this.#next = Math.floor(Math.random() * options.addresses.length);
  }

  /**
   * Tries each node once. A wrong login ends the loop, because it is wrong on all nodes.
   * @throws TransportError of the last node, or the first that is not retryable
   */
  async dial(abort: AbortSignal): Promise<Dialed> {
    const { addresses } = this.#options;
    let failure: TransportError | undefined;
    for (let tries = 0; tries < addresses.length; tries++) {
      const address = addresses[this.#next++ % addresses.length] as RabbitmqAddress;
      try {
        return await this.#dialOne(address, abort);
      } catch (error) {
        const refusal = isVhostRefused(error) ? await this.#askWhy(address) : undefined;
        failure = error instanceof TransportError ? error : dialError(error, address, this.#options, refusal);
        if (!failure.retryable || abort.aborted) break;
      }
    }
    throw failure as TransportError;
  }

  async #dialOne(address: RabbitmqAddress, abort: AbortSignal): Promise<Dialed> {
    const amqplib = await loadPeer('rabbitmq', 'amqplib', 'The rabbitmq driver', async () => {
      try {
        return await import('amqplib');
      } catch (error) {
        return unloaded(error);
      }
    });
    const ending = new AbortController();
    const destroy = (): void => ending.abort();
    abort.addEventListener('abort', destroy, { once: true });
    try {
      abort.throwIfAborted();
      const external = this.#options.mechanism === 'external';
      const model = await amqplib.connect(this.#target(address), {
        ...this.#socketOptions(ending.signal),
        ...(external ? { credentials: amqplib.credentials.external() } : {}),
      });
      gatherWrites(model);
      return { model, destroy };
    } catch (error) {
      destroy();
      throw error;
    } finally {
      abort.removeEventListener('abort', destroy);
    }
  }

  /** Undefined when the server gives no reason, or now accepts the connection. */
  #askWhy({ host, port, encrypted, vhost, username, password }: RabbitmqAddress): Promise<VhostRefusal | undefined> {
    const { tls, mechanism, connectionTimeoutMs } = this.#options;
    const isExternal = mechanism === 'external';
    return vhostRefusal({
      socket: { host, port },
      tls: encrypted ? { ...(tls === undefined || tls === true ? {} : tlsOptions(tls)) } : undefined,
      vhost,
      mechanism: isExternal ? 'EXTERNAL' : 'PLAIN',
      response: isExternal ? '' : `\0${username}\0${password}`,
      timeoutMs: connectionTimeoutMs,
    }).catch(() => undefined);
  }

  #target({ host, port, encrypted, vhost, username, password }: RabbitmqAddress): Options.Connect {
    return {
      protocol: encrypted ? 'amqps' : 'amqp',
      hostname: host,
      port,
      username,
      password,
      // amqplib decodes it again.
      vhost: encodeURIComponent(vhost),
      heartbeat: this.#options.heartbeatMs / 1_000,
    };
  }

  /** The signal can destroy the socket at any time. amqplib only ends sockets gracefully, and a dead peer never responds. */
  #socketOptions(signal: AbortSignal): SocketOptions {
    const { tls, connectionTimeoutMs } = this.#options;
    return {
      ...(tls === undefined || tls === true ? {} : tlsOptions(tls)),
      timeout: connectionTimeoutMs,
      noDelay: true,
      keepAlive: true,
      keepAliveDelay: 60_000,
      clientProperties: { connection_name: this.#name },
      signal,
    } as SocketOptions;
  }
}

function tlsOptions({
  serverName,
  minVersion = 'TLSv1.2',
  ...pems
}: Exclude<ResolvedRabbitmqOptions['tls'], true | undefined>): SocketOptions {
  const name = serverName === undefined || isIP(serverName) !== 0 ? {} : { servername: serverName };
  return { ...pems, ...name, minVersion } as SocketOptions;
}
