import type { INestMicroservice, NestApplicationOptions } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestMicroservice } from '@nestjs/microservices';
import { TransportError } from '../contract/index.js';
import { transportStrategy } from './connect-transport.js';
import type { RootModule } from './create-transport-app.js';
import type { TransportDescription } from './description.js';
import { TransportDescriber, type DescribeOptions } from './transport-describer.js';
import { TransportRuntime } from './transport-runtime.js';
import { TransportServer } from './transport.server.js';

/** What `describeTransport` takes beside the module. */
export interface DescribeModuleOptions extends DescribeOptions, Pick<NestApplicationOptions, 'logger'> {}

/**
 * Describes an application without running it: its providers are made, and none of its hooks is called, no message is taken
 * and nothing is created on a broker. For scripts and tools; a running application has `app.get(TransportDescriber)`.
 * What providers open when they are made stays open: the process is theirs to end.
 *
 * ```ts
 * const { subscriptions } = await describeTransport(AppModule);
 * ```
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` without `TransportModule`, and what a start would refuse of options and names
 */
export async function describeTransport(
  module: RootModule,
  { offline = false, ...nest }: DescribeModuleOptions = {},
): Promise<TransportDescription> {
  const app = await create(module, nest);
  const runtime = app.get(TransportRuntime, { strict: false });
  try {
    // n.b. what `init` would do before the first hook, and nothing of what comes after.
    app.get(TransportServer, { strict: false }).known(() => (app as unknown as NestMicroservice).registerListeners());
    return await app.get(TransportDescriber, { strict: false }).describe({ offline });
  } finally {
    await Promise.allSettled([...runtime.brokers.values()].map(({ connection }) => connection.close()));
  }
}

async function create(module: RootModule, nest: Pick<NestApplicationOptions, 'logger'>): Promise<INestMicroservice> {
  try {
    return await NestFactory.createMicroservice(module, transportStrategy({ ...nest, abortOnError: false }));
  } catch (error) {
    // Why by its text: Nest exports no class of this error.
    if (!(error instanceof Error) || !error.message.includes(TransportServer.name)) throw error;
    throw new TransportError(
      'TRANSPORT_NOT_CONNECTED',
      'describeTransport: TransportModule is not imported. Write imports: [TransportModule.forRoot({ service, broker })] in the root module, or describe the module that has it.',
      { cause: error },
    );
  }
}
