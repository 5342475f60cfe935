import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { TransportError } from '../../contract/index.js';
import { failedStart } from './failed-start.js';
import { subscribedHandlers } from '../handlers/handler-scan.js';
import { TransportRuntime } from '../transport-runtime.js';
import { TransportServer } from '../client/transport.server.js';

/**
 * Opens the transport before the application's own hooks, which can then publish, and closes it after them.
 * DrainGate starts and drains the consumers in between.
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

  /** Whether `createApplicationContext` or `repl` created the application: scripts, commands and prompts do not consume. */
  get #isContext(): boolean {
    const adapter: unknown = this.#http.httpAdapter;
    return (adapter === undefined || adapter === null) && this.#server.isMicroservice === false;
  }

  #prepareIntake(): void {
    this.#server.initialized();
    this.#runtime.willConsume = this.#server.isConnected;
    const [unreached] = this.#server.isConnected ? [] : subscribedHandlers(this.#modules);
    if (unreached === undefined) return;
    if (this.#isContext) return this.#runtime.log.log(IN_CONTEXT);
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      `@Subscribe("${unreached.pattern}") in ${unreached.where} would never be called: the transport is not connected to this application. Write connectTransport(app) before app.listen() or app.init() in main, or create the application with createTransportApp(AppModule). For a process that only publishes, set consume: false in TransportModule.`,
    );
  }
}

const IN_CONTEXT =
  'This process publishes and does not consume: handlers are not called in an application context. To consume, create the application with createTransportApp(AppModule). To hide this line, set consume: false in TransportModule.';
