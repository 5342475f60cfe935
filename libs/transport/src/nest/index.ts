/** The library as a Nest application sees it. */
export { BrokerHandle } from './broker-handle.js';
export { connectTransport, transportStrategy } from './lifecycle/connect-transport.js';
export { createTransportApp, type RootModule, type TransportAppOptions } from './lifecycle/create-transport-app.js';
export { describeTransport, type DescribeModuleOptions } from './describe/describe-transport.js';
export type {
  BrokerDescription,
  DescribedOptions,
  SubscriptionDescription,
  TransportDescription,
} from './describe/description.js';
export { MessageHeader } from './decorators/message-header.decorator.js';
export {
  TRANSPORT_DEFAULTS,
  type TransportModuleAsyncOptions,
  type TransportModuleOptions,
  type TransportOptionsFactory,
} from './module-options.js';
export { PublishErrorFilter, type PublishErrorBody } from './handlers/publish-error.filter.js';
export { Respond, type RespondOptions, type ResponderDecorator } from './decorators/respond.decorator.js';
export type { SubscribeOptions } from './decorators/subscribe-options.js';
export { Subscribe, type HandlerDecorator } from './decorators/subscribe.decorator.js';
export { TRANSPORT_ID } from './decorators/subscription-metadata.js';
export { getBrokerToken, getClientToken, getPublisherToken, InjectBroker, InjectPublisher } from './tokens.js';
export { TransportDescriber, type DescribeOptions } from './describe/transport-describer.js';
export {
  TransportHealth,
  type BrokerReport,
  type SubscriptionReport,
  type SubscriptionState,
  type TransportReport,
} from './health/transport-health.js';
export { TransportModule } from './transport.module.js';
export { TransportClient } from './client/transport.client.js';
export { TransportServer } from './client/transport.server.js';
export { withDeadLetters, type WithDeadLettersOptions } from './describe/with-dead-letters.js';
/** Types of the dead-letter admin of `withDeadLetters`. */
export {
  DEAD_LETTER_LIMIT,
  type DeadLetterAdmin,
  type DeadLetterSelection,
  type DeadLetterReport,
  type FingerprintCount,
  type ReplayOptions,
  type StoredDeadLetter,
} from '../consuming/index.js';
