import { Inject, Injectable, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost, ModuleRef, ModulesContainer, type AbstractHttpAdapter } from '@nestjs/core';
import { failedStart } from './failed-start.js';
import { limitConnections } from './http-connections.js';
import { TransportRuntime } from '../transport-runtime.js';
import { TransportServer } from '../client/transport.server.js';

/** Nest runs bootstrap hooks from the greatest distance to the smallest, destroy hooks the other way round; the root module has 0. */
const BEFORE_THE_ROOT = -1;

/**
 * Is bootstrapped last and destroyed first. Consuming starts when the application is ready, and is drained
 * before any module of the application closes its pools (docs/adr/0005).
 */
@Injectable()
export class DrainGate implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #ref: ModuleRef;
  readonly #modules: ModulesContainer;

  constructor(@Inject(ModuleRef) ref: ModuleRef, @Inject(ModulesContainer) modules: ModulesContainer) {
    this.#ref = ref;
    this.#modules = modules;
    for (const module of this.#ownModules()) module.distance = BEFORE_THE_ROOT;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#assertOrder();
    try {
      await this.#get(TransportServer).bootstrapped();
    } catch (error) {
      throw await failedStart(this.#get(TransportRuntime), error);
    }
  }

  async onModuleDestroy(): Promise<void> {
    const runtime = this.#get(TransportRuntime);
    const { drainTimeoutMs } = runtime.options;
    limitConnections(this.#httpServer, drainTimeoutMs, (count) => runtime.log.warn(stillOpen(count, drainTimeoutMs)));
    await runtime.drain();
  }

  get #httpServer(): Parameters<typeof limitConnections>[0] {
    const { httpAdapter } = this.#get(HttpAdapterHost) as { readonly httpAdapter?: AbstractHttpAdapter | null };
    return httpAdapter?.getHttpServer() as Parameters<typeof limitConnections>[0];
  }

  #get<T>(type: new (...args: never[]) => T): T {
    return this.#ref.get<T>(type as never, { strict: false });
  }

  #ownModules() {
    return [...this.#modules.values()].filter(({ metatype }) => metatype === DrainModule);
  }

  /** Nest documents no order of hooks among modules, so a Nest that changes it must be noticed at start, not at the first shutdown. */
  #assertOrder(): void {
    const others = [...this.#modules.values()].filter(({ metatype }) => metatype !== DrainModule);
    if (others.every(({ distance }) => distance > BEFORE_THE_ROOT)) return;
    throw new Error(
      'nest-transport cannot ensure that it drains before the modules of the application are destroyed: this version of ' +
        '@nestjs/core orders modules in another way than 11 and 12 do. Please report the version.',
    );
  }
}

const stillOpen = (count: number, afterMs: number): string =>
  `${count} HTTP connections were still open ${afterMs} ms (drainTimeoutMs) after the shutdown started; they are closed now. End server-sent event streams in beforeApplicationShutdown.`;

@Module({ providers: [DrainGate] })
export class DrainModule {}
