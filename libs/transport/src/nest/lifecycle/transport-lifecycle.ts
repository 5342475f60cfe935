import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { TransportError } from '../../contract/index.js';
import { failedStart } from './failed-start.js';
import { subscribedHandlers } from '../handlers/handler-scan.js';
import { TransportRuntime } from '../transport-runtime.js';
import { TransportServer } from '../client/transport.server.js';

/**
 * The outer bracket of a life: opens the transport before the application's own hooks, so that they can publish, and closes
 * it after them. What lies between is the DrainGate's.
 */
@Injectable()
export class TransportLifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #runtime: TransportRuntime;
  readonly #server: TransportServer;
  readonly #modules: ModulesContainer;
  readonly #http: HttpAdapterHost;

  constructor(
    @Inject(TransportRuntime) runtime: TransportRuntime,
    @Inject(TransportServer) server: TransportServer,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(HttpAdapterHost) http: HttpAdapterHost,
  ) {
    this.#http = http;
    this.#runtime = runtime;
    this.#server = server;
    this.#modules = modules;
  }

  async onModuleInit(): Promise<void> {
    try {
      if (this.#runtime.options.consume) this.#prepareIntake();
      await this.#runtime.open();
    } catch (error) {
      throw await failedStart(this.#runtime, error);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#runtime.close();
  }

  /** Made by `createApplicationContext` or `repl`: for scripts, commands and a prompt, which consume nothing. */
  get #isContext(): boolean {
    const adapter: unknown = this.#http.httpAdapter;
    return (adapter === undefined || adapter === null) && this.#server.isMicroservice === false;
  }

  #prepareIntake(): void {
    this.#server.initialized();
    this.#runtime.willConsume = this.#server.isConnected;
    const [deaf] = this.#server.isConnected ? [] : subscribedHandlers(this.#modules);
    if (deaf === undefined) return;
    if (this.#isContext) return this.#runtime.log.log(IN_CONTEXT);
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      `@Subscribe("${deaf.pattern}") in ${deaf.where} would never be called: nothing connects the transport to this application. Write connectTransport(app) before app.listen() or app.init() in main, or create the application with createTransportApp(AppModule). A process that only publishes says { consume: false } in TransportModule.`,
    );
  }
}

const IN_CONTEXT =
  'This process publishes and does not consume: handlers are not called in an application context. Create the application with createTransportApp(AppModule) to consume, or write { consume: false } in TransportModule to leave out this line.';
