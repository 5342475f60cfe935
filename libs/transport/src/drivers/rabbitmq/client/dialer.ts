import { isIP } from 'node:net';
import type { ChannelModel, Options, SocketOptions } from 'amqplib';
import { TransportError } from '../../../contract/index.js';
import { loadPeer, unloaded } from '../../../shared/index.js';
import type { RabbitmqAddress } from './addresses.js';
import { dialError, isVhostRefused } from './failures.js';
import { gatherWrites } from '../publishing/gathered-writes.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { vhostRefusal, type VhostRefusal } from './vhost-refusal.js';

/** One AMQP connection, and a way to end its socket whatever state it is in. */
export interface Dialed {
  readonly model: ChannelModel;
  readonly destroy: () => void;
}

/** Makes AMQP connections, to one node of the cluster after the other until one answers. */
export class Dialer {
  readonly #options: ResolvedRabbitmqOptions;
  readonly #name: string;
  #next: number;

  /** @param name what the server's management calls the connection */
  constructor(options: ResolvedRabbitmqOptions, name: string) {
    this.#options = options;
    this.#name = name;
    // Connections of many processes spread over the nodes.
    this.#next = Math.floor(Math.random() * options.addresses.length);
  }

  /**
   * One try at each node. n.b. a login that is wrong on one is wrong on all.
   * @throws TransportError of the last node, or the first that another try cannot mend
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

  /** Undefined when the server does not say, or does not refuse any more. */
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
      // n.b. amqplib decodes it once more.
      vhost: encodeURIComponent(vhost),
      heartbeat: this.#options.heartbeatMs / 1_000,
    };
  }

  /** n.b. the signal ends the socket for all of its life: amqplib itself only asks a socket to end, and a dead peer never answers. */
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
