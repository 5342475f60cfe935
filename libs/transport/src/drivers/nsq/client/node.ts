import { NsqdConnection, type ConnectionListener } from './connection.js';
import { NsqError } from './failure.js';
import { addressOf, type Address, type NsqSettings } from './settings.js';

export interface NodeListener extends ConnectionListener {
  /** A new connection. Its Promise is part of connecting: it may subscribe, and reject if that fails. */
  up(connection: NsqdConnection): Promise<void> | void;
  /** An attempt failed, or the connection is lost; the next attempt follows after `againInMs`. */
  down(error: NsqError, againInMs: number): void;
}

const FIRST_DELAY_MS = 100;

/** Keeps one connection to one nsqd: reconnects with growing delays until it is closed. */
export class NsqNode {
  readonly address: Address;
  readonly #settings: NsqSettings;
  readonly #listener: NodeListener;
  readonly #abort = new AbortController();
  #connection: NsqdConnection | undefined;
  #problem: NsqError | undefined;
  #failures = 0;
  /** Whether no dial has failed since the last connection. */
  #isFresh = false;
  #trying: Promise<void> | undefined;
  #callOffTry: () => void = () => undefined;

  constructor(address: string, settings: NsqSettings, listener: NodeListener) {
    this.address = addressOf(address);
    this.#settings = settings;
    this.#listener = listener;
  }

  /** The connection, while it is up. */
  get connection(): NsqdConnection | undefined {
    return this.#connection;
  }

  /** Why it is disconnected; undefined while it is connected, and before the first attempt has ended. */
  get problem(): NsqError | undefined {
    return this.#problem;
  }

  /** Makes one attempt now; then it is connected or has a problem. Never rejects. */
  tryNow(): Promise<void> {
    if (this.#connection !== undefined || this.#abort.signal.aborted) return Promise.resolve();
    this.#callOffTry();
    this.#trying ??= this.#try().finally(() => (this.#trying = undefined));
    return this.#trying;
  }

  /** As `tryNow`, but only if no dial has failed since the last connection; otherwise the scheduled attempt follows. */
  async tryFresh(): Promise<void> {
    await (this.#isFresh ? this.tryNow() : this.#trying);
  }

  /** Resolves when the current attempt has ended, if there is one. */
  async tried(): Promise<void> {
    await this.#trying;
  }

  /** Closes after nsqd has read everything, and does not reconnect. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#callOffTry();
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
    await this.#trying;
  }

  async #try(): Promise<void> {
    this.#isFresh = false;
    const { messages, tooLate } = this.#listener;
    const listener: ConnectionListener = {
      messages: messages.bind(this.#listener),
      tooLate: tooLate.bind(this.#listener),
      lost: (error) => this.#lost(error),
    };
    let connection: NsqdConnection | undefined;
    try {
      connection = await NsqdConnection.open(this.address, this.#settings, listener, this.#abort.signal);
      if (this.#abort.signal.aborted) return await connection.close();
      this.#connection = connection;
      await this.#listener.up(connection);
      if (this.#connection !== connection) return;
      this.#problem = undefined;
      this.#failures = 0;
      this.#isFresh = true;
    } catch (error) {
      if (!(error instanceof NsqError)) throw error;
      if (connection === undefined) return this.#down(error);
      // nsqd closes the connection after most errors, and then `lost` has reported it already.
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      await connection.close();
      this.#down(error);
    }
  }

  #lost(error: NsqError): void {
    this.#connection = undefined;
    this.#listener.lost(error);
    this.#down(error);
  }

  #down(error: NsqError): void {
    this.#problem = error;
    if (this.#abort.signal.aborted) return;
    const { clock, maxReconnectDelayMs } = this.#settings;
    const ceiling = Math.min(maxReconnectDelayMs, FIRST_DELAY_MS * 2 ** this.#failures++);
    // Half of the delay is random, so many clients do not reconnect at the same moment.
    const againInMs = Math.round(ceiling * (0.5 + Math.random() / 2));
    this.#callOffTry = clock.schedule(againInMs, () => void this.tryNow());
    this.#listener.down(error, againInMs);
  }
}
