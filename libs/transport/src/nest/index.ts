/** The library as a Nest application sees it. */
export { BrokerHandle } from './broker-handle.js';
export { connectTransport, transportStrategy } from './connect-transport.js';
export { createTransportApp, type RootModule, type TransportAppOptions } from './create-transport-app.js';
export { describeTransport, type DescribeModuleOptions } from './describe-transport.js';
export type {
  BrokerDescription,
  DescribedOptions,
  SubscriptionDescription,
  TransportDescription,
} from './description.js';
export { MessageHeader } from './message-header.decorator.js';
export {
  TRANSPORT_DEFAULTS,
  type TransportModuleAsyncOptions,
  type TransportModuleOptions,
  type TransportOptionsFactory,
} from './module-options.js';
export { PublishErrorFilter, type PublishErrorBody } from './publish-error.filter.js';
export { Respond, type RespondOptions, type ResponderDecorator } from './respond.decorator.js';
export type { SubscribeOptions } from './subscribe-options.js';
export { Subscribe, type HandlerDecorator } from './subscribe.decorator.js';
export { TRANSPORT_ID } from './subscription-metadata.js';
export { getBrokerToken, getClientToken, getPublisherToken, InjectBroker, InjectPublisher } from './tokens.js';
export { TransportDescriber, type DescribeOptions } from './transport-describer.js';
export {
  TransportHealth,
  type BrokerReport,
  type SubscriptionReport,
  type SubscriptionState,
  type TransportReport,
} from './transport-health.js';
export { TransportModule } from './transport.module.js';
export { TransportClient } from './transport.client.js';
export { TransportServer } from './transport.server.js';
export { withDeadLetters, type WithDeadLettersOptions } from './with-dead-letters.js';
/** What the desk of `withDeadLetters` takes and gives. */
export {
  DESK_LIMIT,
  type DeadLetterDesk,
  type DeadLetterSelection,
  type DeskReport,
  type FingerprintCount,
  type ReplayOptions,
  type StoredDeadLetter,
} from '../consuming/index.js';
