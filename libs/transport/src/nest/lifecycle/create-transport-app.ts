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

/** A root module, as `NestFactory` accepts it. */
export type RootModule = Type<unknown> | DynamicModule | Promise<Type<unknown> | DynamicModule>;

/** The options of `createTransportApp`, in addition to all options of `NestFactory.create`. */
export interface TransportAppOptions extends NestApplicationOptions {
  /**
   * `true`: HTTP on Nest's default platform in addition to messages; an adapter: HTTP on that one; `false`: messages only.
   * @default true
   */
  readonly http?: boolean | AbstractHttpAdapter;
  /** Whether SIGTERM and SIGINT drain, close the application and end the process with exit code 0. @default true */
  readonly exitOnSignal?: boolean;
}

/**
 * Creates an application and connects the transport: `NestFactory.create`, `connectTransport` and graceful shutdown in one call.
 *
 * ```ts
 * const app = await createTransportApp(AppModule);                    // HTTP and messages
 * await app.listen(3000);
 * const app = await createTransportApp(AppModule, { http: false });   // messages only
 * await app.listen();
 * ```
 * Handlers run from `listen` (or `init`) on, after all bootstrap hooks. On SIGTERM and SIGINT the application stops consuming,
 * waits for running handlers (at most `drainTimeoutMs`), closes, and exits with code 0.
 *
 * If the transport cannot start, the process logs one sentence and exits with code 1. With `abortOnError: false`, or
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
  // Without a log, the reason for the exit would be invisible.
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
