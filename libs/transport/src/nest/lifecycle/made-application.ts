import type { INestMicroservice, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestMicroservice } from '@nestjs/microservices';
import { TransportError } from '../../contract/index.js';
import { transportStrategy } from './connect-transport.js';
import type { RootModule } from './create-transport-app.js';
import { TransportRuntime } from '../transport-runtime.js';
import { TransportServer } from '../client/transport.server.js';

/** What tools take for the application that they make. */
export type MadeOptions = Pick<NestApplicationOptions, 'logger'>;

/**
 * Makes an application without running it, lets `work` look at its transport, and closes its connections. Its providers are
 * made and its subscriptions known; none of its hooks is called, and nothing is connected that `work` does not connect.
 * @param caller who asks, for the errors
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` without `TransportModule`, and what a start would refuse of options and names
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
    // n.b. what `init` would do before the first hook, and nothing of what comes after.
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
      `${caller}: TransportModule is not imported. Write imports: [TransportModule.forRoot({ service, broker })] in the root module, or name the module that has it.`,
      { cause: error },
    );
  }
}
