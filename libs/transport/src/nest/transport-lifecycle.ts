import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { TransportError } from '../contract/index.js';
import { refuseDeafProviders, subscribedHandlers } from './handler-scan.js';
import { TransportRuntime } from './transport-runtime.js';
import { TransportServer } from './transport.server.js';

/**
 * The outer bracket of a life: opens the transport before the application's own hooks, so that they can publish, and closes
 * it after them. What lies between is the DrainGate's.
 */
@Injectable()
export class TransportLifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #runtime: TransportRuntime;
  readonly #server: TransportServer;
  readonly #modules: ModulesContainer;

  constructor(
    @Inject(TransportRuntime) runtime: TransportRuntime,
    @Inject(TransportServer) server: TransportServer,
    @Inject(ModulesContainer) modules: ModulesContainer,
  ) {
    this.#runtime = runtime;
    this.#server = server;
    this.#modules = modules;
  }

  async onModuleInit(): Promise<void> {
    try {
      refuseDeafProviders(this.#modules);
      if (this.#runtime.options.consume) this.#prepareIntake();
      await this.#runtime.open();
    } catch (error) {
      // Why: when a start fails, Nest calls no shutdown hook, and open connections would keep the process alive.
      await this.#runtime.close();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#runtime.close();
  }

  #prepareIntake(): void {
    this.#server.initialized();
    this.#runtime.willConsume = this.#server.isConnected;
    const [deaf] = this.#server.isConnected ? [] : subscribedHandlers(this.#modules);
    if (deaf === undefined) return;
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      `@Subscribe("${deaf.pattern}") in ${deaf.where} would never be called: nothing connects the transport to this application. Write connectTransport(app) before app.listen() or app.init() in main, or create the application with createTransportApp(AppModule). A process that only publishes says { consume: false } in TransportModule.`,
    );
  }
}
