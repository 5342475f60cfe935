import {
  type DynamicModule,
  type INestApplication,
  type INestMicroservice,
  type NestApplicationOptions,
  type Type,
} from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { connectTransport, transportStrategy } from './connect-transport.js';
import { exitCleanlyOnSignals } from './exit-cleanly.js';
import { TransportRuntime } from '../transport-runtime.js';

/** What `NestFactory` takes as a root module. */
export type RootModule = Type<unknown> | DynamicModule | Promise<Type<unknown> | DynamicModule>;

/** What `createTransportApp` takes beside all options of `NestFactory.create`. */
export interface TransportAppOptions extends NestApplicationOptions {
  /**
   * `true`: HTTP on Nest's default platform beside the messages; an adapter: on that one; `false`: messages only.
   * @default true
   */
  readonly http?: boolean | AbstractHttpAdapter;
  /** Whether SIGTERM and SIGINT drain, close the application and end the process with exit code 0. @default true */
  readonly exitOnSignal?: boolean;
}

/**
 * Creates an application whose message handlers run: `NestFactory.create`, `connectTransport` and shutdown hooks in one.
 *
 * ```ts
 * const app = await createTransportApp(AppModule);                    // HTTP and messages
 * await app.listen(3000);
 * const app = await createTransportApp(AppModule, { http: false });   // messages only
 * await app.listen();
 * ```
 * Messages come from `listen` (or `init`) on, after all bootstrap hooks. On SIGTERM and SIGINT intake stops, handlers finish
 * (at most `drainTimeoutMs`), the application closes, and the process exits with 0.
 *
 * A transport that cannot start ends the process with exit code 1 and one sentence in the log. With `abortOnError: false`, or
 * without a logger, `listen` and `init` reject with the `TransportError` instead. `NODE_DEBUG=nest-transport` shows its stack.
 */
export function createTransportApp(
  module: RootModule,
  options: TransportAppOptions & { readonly http: false },
): Promise<INestMicroservice>;
export function createTransportApp<App extends INestApplication = INestApplication>(
  module: RootModule,
  options?: TransportAppOptions & { readonly http?: true | AbstractHttpAdapter },
): Promise<App>;
export async function createTransportApp(
  module: RootModule,
  { http = true, exitOnSignal = true, ...nest }: TransportAppOptions = {},
): Promise<INestApplication | INestMicroservice> {
  const app = connectTransport(await create(module, http, nest));
  // Without a log nobody would see why the process ended.
  app.get(TransportRuntime, { strict: false }).endsProcessOnFailure =
    nest.abortOnError !== false && nest.logger !== false;
  if (exitOnSignal) exitCleanlyOnSignals(app);
  return app;
}

function create(
  module: RootModule,
  http: boolean | AbstractHttpAdapter,
  nest: NestApplicationOptions,
): Promise<INestApplication | INestMicroservice> {
  if (http === false) return NestFactory.createMicroservice(module, transportStrategy(nest));
  return http === true ? NestFactory.create(module, nest) : NestFactory.create(module, http, nest);
}
