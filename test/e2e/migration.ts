import { Controller, Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  Payload,
  type ClientOptions,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { connectTransport, Publisher, TransportModule, type TransportModuleOptions } from 'nest-transport';

/** A service before and after it moves: the same controller, on Nest's own transport and on ours. What is opened is closed with it. */
export class MovingService {
  readonly #received: unknown[] = [];
  readonly #controllers: DynamicModule['controllers'];
  readonly #opened: (() => unknown)[] = [];
  #heard: () => void = () => undefined;

  constructor(...patterns: readonly string[]) {
    this.#controllers = patterns.map((pattern) => this.#controllerOf(pattern));
  }

  /** On a transport of Nest: `app.connectMicroservice({ transport: ... })`. */
  async startBefore(options: MicroserviceOptions): Promise<INestApplication> {
    const app = this.#closing(await NestFactory.create(this.#module(), { logger: false }));
    app.connectMicroservice(options);
    await app.startAllMicroservices();
    return app.init();
  }

  /** On ours: the module line, and `connectTransport(app)` in place of `connectMicroservice`. `beside` stays connected. */
  async startAfter(options: TransportModuleOptions, beside?: MicroserviceOptions): Promise<INestApplication> {
    const module = this.#module(TransportModule.forRoot({ ...options, logger: false }));
    const app = this.#closing(await NestFactory.create(module, { logger: false }));
    if (beside !== undefined) app.connectMicroservice(beside);
    connectTransport(app);
    if (beside !== undefined) await app.startAllMicroservices();
    return app.init();
  }

  /** An old publisher: one of Nest's own clients. */
  oldPublisher(options: ClientOptions): (pattern: string, payload: unknown) => Promise<unknown> {
    const client = ClientProxyFactory.create(options);
    this.#opened.push(() => client.close());
    return (pattern, payload) => lastValueFrom(client.emit(pattern, payload), { defaultValue: undefined });
  }

  /** What handlers got so far, when it is at least so many. */
  async received(count: number): Promise<unknown[]> {
    while (this.#received.length < count) await new Promise<void>((resolve) => (this.#heard = resolve));
    return [...this.#received];
  }

  async close(): Promise<void> {
    for (const close of this.#opened.splice(0).reverse()) await close();
  }

  #closing(app: INestApplication): INestApplication {
    this.#opened.push(() => app.close());
    return app;
  }

  #module(...imports: DynamicModule[]): DynamicModule {
    @Module({})
    class AppModule {}
    return { module: AppModule, imports, controllers: this.#controllers ?? [] };
  }

  #controllerOf(pattern: string) {
    const take = (payload: unknown): void => {
      this.#received.push(payload);
      this.#heard();
    };
    @Controller()
    class OrdersController {
      @EventPattern(pattern)
      take(@Payload() payload: unknown): void {
        take(payload);
      }
    }
    return OrdersController;
  }
}

export const publisherOf = (app: INestApplication): Publisher => app.get(Publisher, { strict: false });
