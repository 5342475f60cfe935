import type { JetStreamManager } from '@nats-io/jetstream';
import type {
  MsgHdrs,
  NatsConnection,
  Payload,
  PermissionViolationError,
  PublishOptions,
  Status,
} from '@nats-io/transport-node';
import { type BrokerHost, type TransportError } from '../../../contract/index.js';
import { afterThisTurn } from '../../../shared/index.js';
import { sleep, within } from '../../kit/waits.js';
import { loadClients, type Clients } from './clients.js';
import { dial } from './dial.js';
import { errorOf, transportError } from './failures.js';
import { NATS_DEFAULTS, largestMessage, type ResolvedNatsOptions } from '../options.js';

/** Whoever has to know when the connection breaks and when it is back. */
export interface LinkListener {
  /** The connection is back, maybe to another server: nobody answers any more what was asked before. */
  linkUp(): void;
  linkDown(): void;
  /** The server refused a subject to this user. */
  refused?(subject: string, error: Error): void;
  /** The server has taken settlements of this user. */
  settlementsPass?(): void;
}

/** Before a connection that the client has given up is made anew. */
const REVIVE_WAIT_MS = 1_000;
/** How long a connection may take to say good-bye. */
const CLOSE_LIMIT_MS = 3_000;

/** What waits for the connection to come back: settlements and answers. */
interface Told {
  readonly subject: string;
  readonly payload: Payload;
  readonly options: PublishOptions | undefined;
}

/**
 * The one connection of an application to its servers, from the first success to `close`. The client finds another server
 * by itself when one is lost; what it was given meanwhile it throws away, so nothing is given to it while it is down.
 */
export class Link {
  readonly #host: BrokerHost;
  readonly #options: ResolvedNatsOptions;
  readonly #listeners = new Set<LinkListener>();
  #clients: Clients | undefined;
  #connection: NatsConnection | undefined;
  #manager: JetStreamManager | undefined;
  #outbox: Told[] = [];
  /** Of this turn of the event loop. */
  #turn: Told[] = [];
  #isUp = false;
  #probedMs = 0;
  #heardSinceMs = 0;
  #problem: TransportError | undefined;
  #closed = false;

  constructor(host: BrokerHost, options: ResolvedNatsOptions) {
    this.#host = host;
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why nothing flows now; undefined while the connection is there, and before the first one was tried. */
  get problem(): TransportError | undefined {
    return this.#problem;
  }

  /**
   * What comes from the server now was sent after this moment of the monotonic clock: the last round trip began then. It may have
   * waited in the network, or in this process, ever since.
   */
  get heardSinceMs(): number {
    return this.#heardSinceMs;
  }

  /** Makes a round trip, unless one began within this time. */
  probe(everyMs: number): void {
    const nowMs = this.#host.clock.monotonicMs();
    if (!this.#isUp || nowMs - this.#probedMs < everyMs) return;
    this.#probedMs = nowMs;
    void this.#roundTrip(this.connection.flush()).catch(ignore);
  }

  /** A consumer has seen that the server takes settlements. */
  settlementsPass(): void {
    for (const listener of this.#listeners) listener.settlementsPass?.();
  }

  /** Largest message that this server takes, as far as it is known. */
  get maxMessageBytes(): number {
    const asked = this.#options.maxMessageBytes;
    const maxPayload = this.#connection?.info?.max_payload;
    return maxPayload === undefined
      ? Math.min(asked, NATS_DEFAULTS.maxMessageBytes)
      : Math.min(asked, largestMessage(maxPayload));
  }

  /** The client's connection. @throws TransportError `TRANSPORT_BROKER_UNREACHABLE` before there is one */
  get connection(): NatsConnection {
    if (this.#turn.length > 0) this.#writeTurn();
    if (this.#connection !== undefined) return this.#connection;
    throw this.#notConnected();
  }

  get manager(): JetStreamManager {
    if (this.#turn.length > 0) this.#writeTurn();
    if (this.#manager !== undefined) return this.#manager;
    throw this.#notConnected();
  }

  /** A subject that nobody else has, for answers. */
  newInbox(): string {
    if (this.#clients !== undefined) return this.#clients.nats.createInbox(this.#options.inboxPrefix);
    throw this.#notConnected();
  }

  /** Headers to fill in. */
  newHeaders(): MsgHdrs {
    if (this.#clients !== undefined) return this.#clients.nats.headers();
    throw this.#notConnected();
  }

  /** `2.15.2`; undefined before there is a connection. */
  get serverVersion(): string | undefined {
    return this.#connection?.info?.version;
  }

  /** The server is one of several. */
  get isClustered(): boolean {
    return this.#connection?.info?.cluster !== undefined;
  }

  get addresses(): string {
    return this.#options.servers.join(', ');
  }

  /** `$JS.API`, or that of the domain. */
  get apiPrefix(): string {
    const { domain } = this.#options;
    return domain === undefined ? '$JS.API' : `$JS.${domain}.API`;
  }

  listen(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One try, unless there is a connection. @throws TransportError */
  async open(): Promise<void> {
    if (this.#isUp) return;
    if (this.#problem !== undefined && this.#connection !== undefined) throw this.#problem;
    await this.#dial();
  }

  /** Asks JetStream; what the client throws becomes an error that says what could not be done. */
  async ask<Result>(
    what: string,
    action: (manager: JetStreamManager) => Promise<Result>,
    topic?: string,
  ): Promise<Result> {
    try {
      return await this.#roundTrip(action(this.manager));
    } catch (error) {
      throw this.errorFor(error, what, topic);
    }
  }

  errorFor(thrown: unknown, what: string, topic?: string): TransportError {
    const { servers, tls } = this.#options;
    return transportError(thrown, { what, servers, topic, tls: tls !== undefined });
  }

  /**
   * Sends without waiting for an answer; while the connection is down it is kept, in order. What is sent in one turn of the event loop
   * is written at its end, in one go, and before anything else that goes through the connection.
   */
  tell(subject: string, payload: Payload, options?: PublishOptions): void {
    if (this.#closed) return;
    const told = { subject, payload, options };
    if (!this.#isUp) return void this.#outbox.push(told);
    if (this.#turn.push(told) === 1) afterThisTurn(() => this.#writeTurn());
  }

  #writeTurn(): void {
    for (const told of this.#turn.splice(0)) this.#publish(told);
  }

  /** Hands a message to the client. @throws what the client refuses; TransportError `TRANSPORT_BROKER_UNREACHABLE` before there is a connection */
  publish(subject: string, payload: Payload, options?: PublishOptions): void {
    this.connection.publish(subject, payload, options);
  }

  async close(): Promise<void> {
    this.#writeTurn();
    this.#closed = true;
    const wasUp = this.#isUp;
    this.#isUp = false;
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed()) return;
    if (wasUp) await within(this.#host.clock, CLOSE_LIMIT_MS, connection.flush());
    await within(this.#host.clock, CLOSE_LIMIT_MS, connection.close());
  }

  async #roundTrip<Result>(answer: Promise<Result>): Promise<Result> {
    const begunMs = this.#host.clock.monotonicMs();
    const result = await answer;
    this.#heardSinceMs = Math.max(this.#heardSinceMs, begunMs);
    return result;
  }

  #notConnected(): TransportError {
    const text = `there is no connection to ${this.addresses} yet.`;
    return errorOf('TRANSPORT_BROKER_UNREACHABLE', text, { retryable: true });
  }

  async #dial(): Promise<void> {
    const clients = (this.#clients ??= await loadClients(this.#options));
    const { connection, manager } = await dial(clients, this.#options, this.#options.clientName ?? this.#host.service);
    if (this.#closed) {
      await connection.close();
      throw errorOf('TRANSPORT_CLOSED', 'the connection is closed.');
    }
    this.#connection = connection;
    this.#manager = manager;
    void this.#watch(connection);
    void connection.closed().then((error) => this.#revive(connection, error));
    this.#goUp();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) if (connection === this.#connection) this.#react(status);
  }

  #react(status: Status): void {
    if (status.type === 'disconnect') this.#goDown();
    if (status.type === 'reconnect') this.#goUp();
    if (status.type === 'error') this.#heard(status.error);
  }

  #heard(error: Error): void {
    const { subject } = error as PermissionViolationError;
    if (error.name === 'PermissionViolationError')
      for (const listener of this.#listeners) listener.refused?.(subject, error);
    else if (!this.#isUp && this.#problem !== undefined)
      this.#problem = this.errorFor(error, `cannot connect to ${this.addresses}`);
  }

  #goUp(): void {
    if (this.#closed || this.#isUp) return;
    this.#isUp = true;
    this.#problem = undefined;
    this.#host.notices.emit('broker:connected', { broker: this.#host.broker });
    for (const told of this.#outbox.splice(0)) this.#publish(told);
    for (const listener of [...this.#listeners]) listener.linkUp();
  }

  #goDown(): void {
    if (this.#closed || !this.#isUp) return;
    this.#isUp = false;
    this.#outbox.push(...this.#turn.splice(0));
    const error = errorOf(
      'TRANSPORT_BROKER_UNREACHABLE',
      `the connection to ${this.addresses} broke; it is made again without end.`,
      {
        retryable: true,
      },
    );
    this.#problem = error;
    this.#host.notices.emit('broker:unreachable', { broker: this.#host.broker, error });
    for (const listener of [...this.#listeners]) listener.linkDown();
  }

  /** The client gives a connection up for a few reasons that cannot be switched off. */
  async #revive(connection: NatsConnection, cause: unknown): Promise<void> {
    if (this.#connection !== connection) return;
    this.#goDown();
    while (!this.#closed) {
      if (cause !== undefined) this.#problem = this.errorFor(cause, `cannot connect to ${this.addresses}`);
      await sleep(this.#host.clock, REVIVE_WAIT_MS);
      if (this.#closed) return;
      try {
        return await this.#dial();
      } catch (error) {
        cause = error;
      }
    }
  }

  #publish({ subject, payload, options }: Told): void {
    try {
      this.#connection?.publish(subject, payload, options);
    } catch {
      // The connection was closed in this moment: the server brings back what this would have settled.
    }
  }
}

const ignore = (): void => undefined;
