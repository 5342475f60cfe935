import type { RootModule } from '../lifecycle/create-transport-app.js';
import type { TransportDescription } from './description.js';
import { withMadeApplication, type MadeOptions } from '../lifecycle/made-application.js';
import { TransportDescriber, type DescribeOptions } from './transport-describer.js';

/** The options of `describeTransport`. */
export interface DescribeModuleOptions extends DescribeOptions, MadeOptions {}

/**
 * Describes an application without starting it: providers are created, no lifecycle hook is called, no message is received
 * and nothing is created on a broker. For scripts and tools; in a running application use `app.get(TransportDescriber)`.
 * Connections that providers open in their constructors stay open and can keep the process alive.
 *
 * ```ts
 * const { subscriptions } = await describeTransport(AppModule);
 * ```
 * @throws TransportError `TRANSPORT_NOT_CONNECTED` without `TransportModule`, and every error of options and names that a start would throw
 */
export function describeTransport(
  module: RootModule,
  { offline = false, ...nest }: DescribeModuleOptions = {},
): Promise<TransportDescription> {
  return withMadeApplication('describeTransport', module, nest, (app) =>
    app.get(TransportDescriber, { strict: false }).describe({ offline }),
  );
}
