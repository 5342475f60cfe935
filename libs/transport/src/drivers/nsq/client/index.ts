/** A complete NSQ client, which works without the driver. */
export { NsqdAdmin, type ChannelStats, type TopicStats } from './admin.js';
export type { Backlog } from './backlog.js';
export type { LateCommand } from './connection.js';
export { CONSUMER_DEFAULTS, NsqConsumer, type NsqConsumerOptions, type NsqdBacklog } from './consumer.js';
export { isPassing, NsqError, type NsqFailureDetails, type NsqFailureReason } from './failure.js';
export type { NsqdFacts } from './handshake.js';
export { announceChannel, listNsqds, type ListedNsqd } from './lookup.js';
export { NsqMessage, type MessageState } from './message.js';
export { EPHEMERAL, nameProblem } from './names.js';
export { LOOKUP_INTERVAL_MS, type NsqPlaces } from './node-set.js';
export { NsqProducer, PRODUCER_DEFAULTS, type NsqProducerOptions } from './producer.js';
export { CLIENT_DEFAULTS, type NsqClientOptions, type NsqTlsSettings } from './settings.js';
