/** Publishing: validates, encodes, names and coalesces messages. Knows no broker and no Nest. */
export { createPublisher, type ClosablePublisher } from './create-publisher.js';
export { envelope, formatOf } from './envelope.js';
export { OrderedConnection } from './ordered-connection.js';
export { messageIds } from './message-id.js';
export {
  Publisher,
  type PublishEntry,
  type PublishOptions,
  type PublishResult,
  type RequestOptions,
} from './publisher.js';
export { requestFailed } from './requests.js';
export { PUBLISHING_DEFAULTS, PUBLISHING_RULES, type PublishingOptions } from './publishing-options.js';
