import type { RootModule } from '../lifecycle/create-transport-app.js';
import type { TransportDescription } from './description.js';
import { withMadeApplication, type MadeOptions } from '../lifecycle/made-application.js';
import { TransportDescriber, type DescribeOptions } from './transport-describer.js';

/** What `describeTransport` takes beside the module. */
export interface DescribeModuleOptions extends DescribeOptions, MadeOptions {}

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
export function describeTransport(
  module: RootModule,
  { offline = false, ...nest }: DescribeModuleOptions = {},
): Promise<TransportDescription> {
  return withMadeApplication('describeTransport', module, nest, (app) =>
    app.get(TransportDescriber, { strict: false }).describe({ offline }),
  );
}
