import type { INestApplication, INestMicroservice, NestApplicationOptions } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { AsyncMicroserviceOptions, NestMicroservice } from '@nestjs/microservices';
import { TransportError } from '../../contract/index.js';
import { CaptureFilter } from '../handlers/capture.filter.js';
import { copyGlobals } from '../handlers/copy-globals.js';
import { TransportModule } from '../transport.module.js';
import { TransportServer } from '../client/transport.server.js';

/**
 * Connects the transport to an application that was created with `NestFactory`. `createTransportApp` does it by itself.
 * Call it before `init` or `listen`. Global guards, pipes, interceptors and filters apply to message handlers too, whether
 * they are set before or after this call.
 *
 * ```ts
 * const app = await NestFactory.create(AppModule);                            // hybrid
 * connectTransport(app);
 * await app.listen(3000);                                                     // handlers run from here on
 *
 * const app = await NestFactory.createMicroservice(AppModule, transportStrategy());   // pure
 * connectTransport(app);
 * await app.listen();
 * ```
 * @returns the same application
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` when `TransportModule` is not imported
 */
export function connectTransport<App extends INestApplication | INestMicroservice>(app: App): App {
  requireModule(app);
  const server = app.get(TransportServer, { strict: false });
  if (isHybrid(app)) connectHybrid(app, server);
  else connectPure(app, server);
  return app;
}

/**
 * The options that make Nest's `createMicroservice` run on the transport: `NestFactory.createMicroservice(AppModule, transportStrategy())`.
 * @param options other options of `createMicroservice`, such as `logger`. Pass them here: the result must not be spread
 */
export function transportStrategy(
  options: NestApplicationOptions = {},
): AsyncMicroserviceOptions & NestApplicationOptions {
  let strategy: TransportServer | undefined;
  const useFactory = (server: TransportServer): { strategy: TransportServer } => ({ strategy: (strategy = server) });
  const asynchronous = { ...options, inject: [TransportServer], useFactory };
  // Why: a Nest before 11.1 runs the factory, but looks for the strategy outside its result.
  return Object.defineProperty(asynchronous, 'strategy', { get: () => strategy });
}

function isHybrid(app: INestApplication | INestMicroservice): app is INestApplication {
  return 'connectMicroservice' in app;
}

/**
 * Does not use Nest's deferred initialization: it would register web sockets a second time, run init hooks twice, and
 * build the handlers only at `startAllMicroservices`. The microservice is marked as initialized instead. Its handlers are
 * built when the server requests them: after the application's globals are set, before its hooks.
 */
function connectHybrid(app: INestApplication, server: TransportServer): void {
  const microservice = app.connectMicroservice(
    { strategy: server },
    { deferInitialization: true },
  ) as unknown as NestMicroservice;
  microservice.setIsInitHookCalled(true);
  microservice.setIsInitialized(true);
  server.attach(() => {
    microservice.setIsInitialized(false);
    copyGlobals(app.get(ApplicationConfig), microservice);
    microservice.registerListeners();
    microservice.setIsInitialized(true);
  });
}

/** The first filter in the list has the lowest rank; with `useGlobalFilters` it would outrank a user's `APP_FILTER`. */
function connectPure(app: INestMicroservice, server: TransportServer): void {
  if (server.isRpcTarget === false) throw otherStrategy();
  app.get(ApplicationConfig).getGlobalFilters().unshift(new CaptureFilter());
  server.attach();
}

function otherStrategy(): TransportError {
  return new TransportError(
    'TRANSPORT_NOT_CONNECTED',
    'connectTransport(app): this microservice was created for another transport, so @Subscribe handlers would never be invoked. Write NestFactory.createMicroservice(AppModule, transportStrategy()).',
  );
}

/** Searches the modules, because `app.get` of a missing provider ends the process before a helpful error can be thrown. */
function requireModule(app: INestApplication | INestMicroservice): void {
  const modules = [...app.get(ModulesContainer).values()].filter(({ metatype }) => metatype === TransportModule);
  if (modules.length === 1) return;
  const what =
    modules.length === 0
      ? 'TransportModule is not imported. Write imports: [TransportModule.forRoot({ service, broker })] in the root module.'
      : 'TransportModule is imported more than once with different options. Import it in the root module only, with all brokers in `brokers`.';
  throw new TransportError('TRANSPORT_NOT_CONNECTED', `connectTransport(app): ${what}`);
}
