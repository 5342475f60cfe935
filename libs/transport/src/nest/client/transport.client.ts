import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { ReplaySubject, type Observable } from 'rxjs';
import {
  messageOf,
  readErrorContent,
  requireCapabilities,
  type Codec,
  type Headers,
  type OutgoingMessage,
  type Reply,
} from '../../contract/index.js';
import { jsonCodec, systemClock } from '../../shared/index.js';
import { envelope, formatOf, messageIds, requestFailed } from '../../publishing/index.js';
import type { BrokerHandle } from '../broker-handle.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import { unwrapped, type Unwrapped } from './records.js';
import { topicOfPattern } from '../decorators/topic-of-pattern.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** A packet as Nest 12 makes it: its dispatch hook may have added headers. */
interface Packet extends ReadPacket {
  readonly metadata?: Headers;
}

type Respond = (packet: WritePacket) => void;

/**
 * Implements Nest's `ClientProxy` on the transport, for existing code. In new code prefer the typed `Publisher`.
 *
 * `emit(topic, payload)` publishes at once. Its Observable completes when the broker has stored the message, and errors
 * if it has not. A failure without a subscriber is logged. `send(topic, payload)` needs a broker with request/reply;
 * other brokers fail it with `TRANSPORT_CAPABILITY_UNSUPPORTED`.
 */
export class TransportClient extends ClientProxy {
  readonly #runtime: TransportRuntime;
  readonly #broker: BrokerRuntime;
  readonly #codec: Codec;
  /** What was reported once: calls that do nothing, and options of records that were left out. */
  readonly #reported = new Set<string>();
  readonly #nextId = messageIds(() => systemClock.now());

  constructor(runtime: TransportRuntime, broker: BrokerRuntime) {
    super();
    this.#runtime = runtime;
    this.#broker = broker;
    this.#codec = runtime.options.codec ?? jsonCodec;
  }

  /** Does nothing: the application's lifecycle connects. */
  async connect(): Promise<void> {}

  /** Does nothing: the application's lifecycle closes the connection after the last handler. */
  close(): void {}

  /** Does nothing: responses need no subscription here. Exists for code written for Nest's `ClientKafka`; a call is logged once. */
  subscribeToResponseOf(pattern: unknown): void {
    this.#unneeded('subscribeToResponseOf', pattern, 'Answers arrive without it; remove the call.');
  }

  /** Does nothing: the application owns the connection. Exists for code written for a client of Nest; a call is logged once. */
  override on(event: string, _callback: unknown): void {
    this.#unneeded('on', event, 'Use Notices or TransportHealth instead.');
  }

  #unneeded(method: string, given: unknown, remedy: string): void {
    if (this.#reported.has(method)) return;
    this.#reported.add(method);
    this.#runtime.log.warn(`TransportClient.${method}(${JSON.stringify(given)}) does nothing. ${remedy}`);
  }

  /** Returns the application's handle on the broker. The client's own connection is not accessible. */
  unwrap<T = BrokerHandle>(): T {
    return this.#broker.handle as T;
  }

  // `any`, as in the method of Nest that it overrides.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  override emit<TResult = any, TInput = any>(pattern: any, data: TInput): Observable<TResult> {
    if (pattern == null || data == null) return super.emit(pattern, data);
    // Why a replay: the base tells its outcome only to those who subscribed before it came.
    const outcome = new ReplaySubject<TResult>(1);
    this.dispatchEvent<TResult>(this.#packet(pattern, data)).then(
      (receipt) => {
        outcome.next(receipt);
        outcome.complete();
      },
      (error: unknown) => {
        if (!outcome.observed)
          this.#runtime.log.error(`emit failed, and its Observable has no subscriber: ${messageOf(error)}`);
        outcome.error(error);
      },
    );
    return outcome.asObservable();
  }

  /** What `emit` of Nest ends in. */
  protected async dispatchEvent<T>({ pattern, data, metadata }: Packet): Promise<T> {
    const topic = this.#topic(pattern);
    const message = this.#unwrapped(topic, data, metadata);
    return (await this.#broker.publisher.publish(topic, message.data, message.options)) as T;
  }

  /** What `send` of Nest ends in. @returns what gives the request up */
  protected publish(packet: Packet, respond: Respond): () => void {
    let stop: (() => void) | undefined;
    let stopped = false;
    this.#request(packet, respond).then(
      (stopRequest) => {
        stop = stopRequest;
        if (stopped) stop();
      },
      (error: unknown) => respond({ err: error, isDisposed: true }),
    );
    return () => {
      stopped = true;
      stop?.();
    };
  }

  async #request(packet: Packet, respond: Respond): Promise<() => void> {
    const topic = this.#topic(packet.pattern);
    const remedy = 'Use emit() or a Publisher, or a broker that supports request/reply.';
    requireCapabilities(this.#broker, ['requestReply'], `send("${topic}")`, remedy);
    let told: Promise<void> | undefined;
    const inOrder = (response: WritePacket | Promise<WritePacket>): void => {
      // After an asynchronous decode, later responses wait for it: responses keep their order.
      if (told === undefined && !(response instanceof Promise)) return respond(response);
      told = (told ?? Promise.resolve()).then(async () => respond(await response));
    };
    return this.#broker.publisher.requests.send(await this.#message(topic, packet), {
      onReply: (reply) => inOrder(this.#response(topic, reply)),
      onFailure: (err) => inOrder({ err, isDisposed: true }),
    });
  }

  #topic(pattern: unknown): string {
    return topicOfPattern(pattern, this.normalizePattern(pattern as string));
  }

  #message(topic: string, { data, metadata }: Packet): OutgoingMessage | Promise<OutgoingMessage> {
    const { data: payload, options } = this.#unwrapped(topic, data, metadata);
    const id = options.id ?? this.#nextId();
    return envelope({ topic, type: undefined }, payload, options.key, options, id, formatOf(this.#codec));
  }

  #unwrapped(topic: string, given: unknown, metadata: Headers | undefined): Unwrapped {
    const { data, options, left } = unwrapped(given, this.#broker.driver);
    for (const name of left) this.#warnOnce(topic, name);
    const headers = metadata === undefined ? options.headers : { ...options.headers, ...metadata };
    return { data, options: headers === undefined ? options : { ...options, headers }, left };
  }

  #warnOnce(topic: string, name: string): void {
    if (this.#reported.has(name)) return;
    this.#reported.add(name);
    this.#runtime.log.warn(
      `The option "${name}" of a record for "${topic}" is not supported by this transport and is ignored (logged once).`,
    );
  }

  #response(topic: string, reply: Reply): WritePacket | Promise<WritePacket> {
    if (reply.kind === 'value') return this.#value(topic, reply);
    if (reply.kind === 'end') return { isDisposed: true };
    // Why: as with Nest's own transports, an object that was thrown is what the Observable fails with.
    const { error } = readErrorContent(reply.content) ?? {};
    return { err: error ?? requestFailed(topic, reply), isDisposed: true };
  }

  #value(topic: string, { body, last }: Reply & { kind: 'value' }): WritePacket | Promise<WritePacket> {
    const value = this.#codec.decode(body, topic);
    if (!(value instanceof Promise)) return { response: value, isDisposed: last };
    return value.then(
      (response: unknown) => ({ response, isDisposed: last }),
      (err: unknown) => ({ err, isDisposed: true }),
    );
  }

  /** Nest 11 has no method that creates packets, and no dispatch hook. */
  #packet(pattern: unknown, data: unknown): Packet {
    return typeof this.createPacket === 'function' ? this.createPacket(pattern, data) : { pattern, data };
  }
}
