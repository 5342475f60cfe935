import type { INestMicroservice, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestMicroservice } from '@nestjs/microservices';
import { TransportError } from '../../contract/index.js';
import { transportStrategy } from './connect-transport.js';
import type { RootModule } from './create-transport-app.js';
import { TransportRuntime } from '../transport-runtime.js';
import { TransportServer } from '../client/transport.server.js';

/** Options of Nest for the application that a tool creates. */
export type MadeOptions = Pick<NestApplicationOptions, 'logger'>;

/**
 * Creates an application without starting it, passes its transport to `work`, and closes its connections. Providers are
 * created and subscriptions known; no lifecycle hook is called, and only `work` connects brokers.
 * @param caller the name of the function for error messages
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` without `TransportModule`, and every error of options and names that a start would throw
 */
export async function withMadeApplication<Result>(
  caller: string,
  module: RootModule,
  options: MadeOptions,
  work: (app: INestMicroservice, runtime: TransportRuntime) => Promise<Result>,
): Promise<Result> {
  const app = await make(caller, module, options);
  const runtime = app.get(TransportRuntime, { strict: false });
  try {
    // Does what `init` does before the first hook, and nothing after that.
    app.get(TransportServer, { strict: false }).known(() => (app as unknown as NestMicroservice).registerListeners());
    return await work(app, runtime);
  } finally {
    await Promise.allSettled([...runtime.brokers.values()].map(({ connection }) => connection.close()));
  }
}

async function make(caller: string, module: RootModule, options: MadeOptions): Promise<INestMicroservice> {
  try {
    return await NestFactory.createMicroservice(module, transportStrategy({ ...options, abortOnError: false }));
  } catch (error) {
    // Why by its text: Nest exports no class of this error.
    if (!(error instanceof Error) || !error.message.includes(TransportServer.name)) throw error;
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      `${caller}: TransportModule is not imported. Write imports: [TransportModule.forRoot({ service, broker })] in the root module, or pass the module that imports it.`,
      { cause: error },
    );
  }
}
