import { Inject, Injectable } from '@nestjs/common';
import { ExternalContextCreator, ModulesContainer } from '@nestjs/core';
import { Server, type MessageHandler } from '@nestjs/microservices';
import { finalize } from 'rxjs';
import {
  contextOf,
  explanationOf,
  messageOf,
  shown,
  stackOf,
  requireCapabilities,
  type Delivery,
  type NoticeListener,
  type NoticeName,
} from '../../contract/index.js';
import { jsonCodec } from '../../shared/index.js';
import { answerTo, type Handler, type Route } from '../../consuming/index.js';
import type { BrokerHandle } from '../broker-handle.js';
import { streamOf } from '../handlers/completion.js';
import { injectsBrokers } from '../broker-scan.js';
import { placesOfPattern, subscribedProviders } from '../handlers/handler-scan.js';
import { providerHandlers } from '../handlers/provider-handlers.js';
import { answering, refusing } from '../handlers/request-handler.js';
import { SUBSCRIPTIONS, TRANSPORT_ID, type SubscriptionMetadata } from '../decorators/subscription-metadata.js';
import { planSubscriptions, type HandlerRegistration } from '../handlers/subscription-plan.js';
import { topicOfPattern } from '../decorators/topic-of-pattern.js';
import { TransportRuntime } from '../transport-runtime.js';

/**
 * Runs `@Subscribe` handlers, and `@EventPattern` handlers without a transport, as a custom strategy of Nest. It ignores
 * handlers for another transport. `connectTransport(app)` connects it; for Nest's own `connectMicroservice`, pass
 * `app.get(TransportServer)`.
 */
@Injectable()
export class TransportServer extends Server {
  override readonly transportId = TRANSPORT_ID;
  /** Failures are classified, settled and reported as notices: Nest must not log them a second time. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #runtime: TransportRuntime;
  readonly #modules: ModulesContainer;
  readonly #contexts: ExternalContextCreator;
  readonly #registrations: HandlerRegistration[] = [];
  readonly #seen = new Map<unknown, number>();
  #registerHandlers: (() => void) | undefined;
  #isAttached = false;
  #isObserved = false;
  #isPrepared = false;
  #isBootstrapped = false;
  #isListening = false;
  #begun: Promise<void> | undefined;

  constructor(
    @Inject(TransportRuntime) runtime: TransportRuntime,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
  ) {
    super();
    this.#contexts = contexts;
    this.#runtime = runtime;
    this.#modules = modules;
  }

  /**
   * Notes that `connectTransport` was called: original errors are captured.
   * @param registerHandlers for a hybrid application: builds the handlers, once the application's globals are known; intake
   *   then starts by itself after the bootstrap hooks. A pure microservice builds its own, and starts with `listen`.
   */
  attach(registerHandlers?: () => void): void {
    this.#isAttached = true;
    this.#registerHandlers = registerHandlers;
  }

  /** Whether anything will ever call handlers. */
  get isConnected(): boolean {
    return this.#isAttached || this.#isListening || this.#registrations.length > 0 || this.isRpcTarget === true;
  }

  /**
   * Whether a microservice of Nest was made with this strategy, although it may register its handlers later
   * (`deferInitialization`). Undefined where Nest keeps no registry.
   */
  get isRpcTarget(): boolean | undefined {
    return this.#rpcTargets?.includes(this);
  }

  /** Whether a microservice of Nest was made, with whatever strategy. Undefined where Nest keeps no registry. */
  get isMicroservice(): boolean | undefined {
    const targets = this.#rpcTargets;
    return targets === undefined ? undefined : targets.length > 0;
  }

  get #rpcTargets(): readonly unknown[] | undefined {
    const targets: unknown[] = [];
    const registry = this.#modules.getRpcTargetRegistry?.();
    registry?.subscribe((target: unknown) => void targets.push(target)).unsubscribe();
    return registry === undefined ? undefined : targets;
  }

  /** Runs before the application's own hooks: builds handlers and rejects conflicting options. */
  initialized(): void {
    // Why: with `deferInitialization` Nest calls the hooks of modules twice, the second time when intake runs already.
    if (this.#begun !== undefined) return;
    if (this.#registerHandlers !== undefined) this.#registerAnew(this.#registerHandlers);
    const hasProviders = this.isConnected && subscribedProviders(this.#modules).length > 0;
    if (this.#registrations.length > 0 || hasProviders) this.#prepare();
  }

  /** Builds handlers and plans for a description only, without rejecting unmet guarantees. */
  known(registerHandlers: () => void): void {
    if (!this.#runtime.options.consume) return;
    this.#registerAnew(registerHandlers);
    this.#plan();
  }

  /** Runs after the application's own hooks: consuming may start. */
  async bootstrapped(): Promise<void> {
    this.#isBootstrapped = true;
    if (this.#isListening || this.#registerHandlers !== undefined) await this.#begin();
  }

  /** Called by Nest (`startAllMicroservices`, `listen`). Starts consuming now or after the bootstrap hooks, whichever is later. */
  override listen(callback: (error?: unknown) => void): void {
    this.#isListening = true;
    const begun = this.#isBootstrapped ? this.#begin() : Promise.resolve();
    begun.then(() => callback(), callback);
  }

  /** Called by Nest. Drains; normally the drain is already over. Publishing still works. */
  override async close(): Promise<void> {
    await this.#runtime.drain();
  }

  /** Listens to a notice of the transport, as `Notices.on` does. */
  // `Function`, as in the method of Nest that it overrides.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
  override on(event: string, callback: Function): void {
    this.#runtime.notices.on(event as NoticeName, callback as NoticeListener<NoticeName>);
  }

  /** Returns the application's handles on its brokers, by name. The clients' own connections are not accessible. */
  override unwrap<T = ReadonlyMap<string, BrokerHandle>>(): T {
    return new Map([...this.#runtime.brokers].map(([name, { handle }]) => [name, handle])) as T;
  }

  override setOnProcessingStartHook(...hook: Parameters<Server['setOnProcessingStartHook']>): void {
    this.#isObserved = true;
    super.setOnProcessingStartHook(...hook);
  }

  override setOnProcessingEndHook(...hook: Parameters<Server['setOnProcessingEndHook']>): void {
    this.#isObserved = true;
    super.setOnProcessingEndHook(...hook);
  }

  /** Does not call the base method: it would chain two handlers of one pattern, and a failure of either would repeat both. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<PropertyKey, unknown> = {},
  ): void {
    const normalized = this.normalizePattern(pattern as string);
    callback.isEventHandler = isEventHandler;
    callback.extras = extras;
    if (!this.messageHandlers.has(normalized)) this.messageHandlers.set(normalized, callback);
    const said = this.#whatWasSaid(pattern, normalized, extras);
    this.#registrations.push(this.#registration(said, callback, isEventHandler));
    this.#isPrepared = false;
  }

  #registration(said: SubscriptionMetadata, callback: MessageHandler, isEventHandler: boolean): HandlerRegistration {
    const isEvent = isEventHandler && said.responds !== true;
    const handling = isEvent ? { handle: this.#eventHandler(callback) } : this.#requestHandling(callback, said);
    return { ...said, ...handling, isAnswer: !isEvent };
  }

  /** A Nest without `deferInitialization` has registered them before, without the application's globals. */
  #registerAnew(register: () => void): void {
    this.#registrations.length = 0;
    this.#seen.clear();
    this.messageHandlers.clear();
    register();
  }

  /** A method with several `@Subscribe` is registered once for each, in their order, with the same extras. */
  #whatWasSaid(pattern: unknown, normalized: string, extras: Record<PropertyKey, unknown>): SubscriptionMetadata {
    const subscriptions = extras[SUBSCRIPTIONS] as readonly SubscriptionMetadata[] | undefined;
    const nth = this.#count(subscriptions ?? normalized);
    if (subscriptions !== undefined) return subscriptions[nth % subscriptions.length] as SubscriptionMetadata;
    const where = placesOfPattern(this.#modules, pattern)[nth] ?? 'a handler of Nest';
    return { pattern: normalized, topic: topicOfPattern(pattern, normalized), event: undefined, options: {}, where };
  }

  #count(what: unknown): number {
    const nth = this.#seen.get(what) ?? 0;
    this.#seen.set(what, nth + 1);
    return nth;
  }

  #prepare(): void {
    this.#plan();
    this.#runtime.refuseUnmet();
    this.#isPrepared = true;
  }

  #plan(): void {
    const { service, brokers, defaultBroker, subscriptions } = this.#runtime.options;
    const brokerNames = [...brokers.keys()];
    const ofProviders = providerHandlers(this.#modules, this.#contexts).map(({ said, callback }) =>
      this.#registration(said, callback, true),
    );
    const plans = planSubscriptions([...this.#registrations, ...ofProviders], {
      service,
      brokerNames,
      defaultBroker,
      subscriptions,
    });
    this.#runtime.prepare(plans, injectsBrokers(this.#modules, brokerNames));
  }

  #begin(): Promise<void> {
    this.#begun ??= this.#start();
    return this.#begun;
  }

  async #start(): Promise<void> {
    if (!this.#runtime.options.consume) return;
    if (!this.#isPrepared) this.#prepare();
    if (!this.#isAttached) this.#runtime.log.warn(WITHOUT_CAPTURE);
    await this.#runtime.consume();
  }

  /** `restOf` runs a returned stream to its end. */
  #eventHandler(callback: MessageHandler): Handler {
    return (payload, delivery) => this.#call(callback, payload, delivery);
  }

  /** A batch handler is called with arrays; TypeScript checked its type at the decorator. */
  #call(callback: MessageHandler, payload: unknown, delivery: Delivery): Promise<unknown> {
    const context = Array.isArray(delivery) ? (delivery as Delivery[]).map(contextOf) : contextOf(delivery);
    return this.#isObserved ? this.#callObserved(callback, payload, context) : callback(payload, context);
  }

  #requestHandling(callback: MessageHandler, said: SubscriptionMetadata): Pick<Route, 'handle' | 'refuse'> {
    const { pattern, where, event, options } = said;
    const remedy = 'Use @EventPattern or @Subscribe if no response is needed, or a broker that supports request/reply.';
    const broker = this.#runtime.broker(options.broker);
    const decorator = said.responds === true ? 'Respond' : 'MessagePattern';
    requireCapabilities(broker, ['requestReply'], `@${decorator}("${pattern}") in ${where}`, remedy);
    const call = (payload: unknown, delivery: Delivery): Promise<unknown> => this.#call(callback, payload, delivery);
    const answer = (delivery: Delivery) => answerTo(delivery, broker.connection.producer);
    const handle = answering(call, {
      codec: this.#runtime.options.codec ?? jsonCodec,
      schema: event?.answer,
      answerTo: answer,
      clock: this.#runtime.clock,
      streamTimeoutMs: this.#runtime.options.responseStreamTimeoutMs,
      report: (error, delivery) => this.#reportUnsaid(error, delivery),
    });
    return { handle, refuse: refusing(answer, (failure, delivery) => this.#reportUntold(failure, delivery)) };
  }

  #reportUntold(failure: unknown, { topic, id }: Delivery): void {
    this.#runtime.log.warn(
      `The requester could not be notified that its request failed permanently: ${messageOf(failure)} topic=${topic} id=${shown(id)}`,
    );
  }

  #reportUnsaid(error: unknown, { topic, id }: Delivery): void {
    this.#runtime.log.error(
      `The handler of a request failed; the requester got "Internal server error": ${explanationOf(error)} topic=${topic} id=${shown(id)}`,
      stackOf(error),
    );
  }

  /**
   * Between the hooks that tools such as @nestjs/observe set. A stream ends when it is done, not when it is made.
   * Nest 11 has no `runWithProcessingHooks`.
   */
  #callObserved(callback: MessageHandler, payload: unknown, given: unknown): Promise<unknown> {
    const context = given as never;
    return new Promise((resolve, reject) => {
      const run = async (): Promise<void> => {
        const end = (): void => this.onProcessingEndHook?.(TRANSPORT_ID, context);
        try {
          const result: unknown = await callback(payload, context);
          const stream = streamOf(result);
          if (stream !== undefined) return resolve(stream.pipe(finalize(end)));
          end();
          resolve(result);
        } catch (error) {
          end();
          reject(error as Error);
        }
      };
      const hooked: unknown = this.onProcessingStartHook(TRANSPORT_ID, context, run);
      Promise.resolve(hooked).catch(reject);
    });
  }
}

const WITHOUT_CAPTURE =
  'TransportServer runs without connectTransport(app). It sees every error of guards, pipes and handlers as Nest\'s "Internal server error", so it retries permanent failures too. Write connectTransport(app) instead of app.connectMicroservice({ strategy: app.get(TransportServer) }).';
