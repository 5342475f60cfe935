import type { BrokerFacts, TopicQuery } from './broker-facts.js';
import type { Capabilities, CapabilityReasons } from './capabilities.js';
import type { Clock } from './clock.js';
import type { TransportError } from './errors.js';
import type { OutgoingMessage, PublishReceipt } from './message.js';
import type { Notices } from './notices.js';
import type { Requester } from './reply.js';
import type { Subscription, SubscriptionSink } from './subscription.js';

/**
 * Represents a configured driver: the value that `kafka({...})` and `memory()` return. It holds validated options and
 * no connection, so several applications can use one value; `open` creates a connection for each.
 *
 * A complete driver: `open` returns a connection whose `producer` stores messages and whose `consume` passes deliveries
 * to sinks. The library implements everything above that: retries, ordering, dead letters, drain.
 */
export interface Broker {
  /** `'kafka'`, `'memory'`, ...: appears in errors and notices. */
  readonly driver: string;
  readonly capabilities: Capabilities;
  /** Why some capabilities are `unsupported`; part of the error when an application requires one. */
  readonly unsupportedBecause?: CapabilityReasons | undefined;
  /**
   * Rejects names and option combinations that this broker would reject. It has no side effects and runs before
   * anything connects.
   * @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_GROUP_INVALID`, `TRANSPORT_OPTION_CONFLICT`
   */
  checkSubscription(subscription: Subscription): void;
  /**
   * Creates the connection of one application without connecting; `connect` does that. A broker value can be opened
   * several times.
   */
  open(host: BrokerHost): BrokerConnection;
}

/** What a connection can use of the application that opened it. */
export interface BrokerHost {
  /** The service's name; client ids start with it. */
  readonly service: string;
  /** The application's name for this broker; `'default'` when there is only one. */
  readonly broker: string;
  readonly notices: Notices;
  readonly clock: Clock;
}

/**
 * Represents one application's connection to a broker, from `open` to `close`: it connects, publishes through
 * `producer`, consumes.
 */
export interface BrokerConnection {
  readonly producer: Producer;
  /**
   * True where all topics of a group share one membership (Kafka): a member that adds a topic makes the whole group
   * rebalance. Dead letters are then read with a separate group per topic. @default false
   */
  readonly groupsSpanTopics?: boolean;
  /**
   * Resolves when the broker has answered; retries without limit until then. `abort` ends the wait. An error that no
   * retry can fix (login, certificate) rejects immediately.
   * @throws TransportError `TRANSPORT_AUTHENTICATION_FAILED`, `TRANSPORT_TLS_FAILED`, `TRANSPORT_PEER_MISSING`,
   *   `TRANSPORT_CLOSED`
   */
  connect(abort: AbortSignal): Promise<void>;
  /**
   * Tries to connect once, for `connect: 'fail'`. @throws TransportError `TRANSPORT_BROKER_UNREACHABLE` and those of
   * `connect`
   */
  connectOnce(): Promise<void>;
  /**
   * Makes sure that these topics exist: creates them if the driver's options say so, otherwise only checks. A topic for
   * `'dead-letter'` must keep messages even while no consumer is bound to it.
   * @throws TransportError `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_AUTHORIZATION_FAILED`
   */
  ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void>;
  /**
   * Returns how the broker stores these topics, from which the library computes the guarantee. Read-only: it creates
   * nothing and subscribes to nothing. Without this method, guarantees are reported as unknown.
   * @throws TransportError when nothing could be read; `TopicFacts.unknown` says what is missing for a single topic
   */
  describe?(queries: readonly TopicQuery[]): Promise<BrokerFacts>;
  /** Starts intake for all subscriptions of the application together; resolves when each has joined its group. */
  consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption>;
  /** Returns the connection's health as it is known now, without querying the broker. */
  health(): BrokerHealth;
  /** Set unless `capabilities.requestReply` is `unsupported`. */
  readonly requester?: Requester;
  /** Closes the connection and its producer; consumptions are closed first. A second call has no effect. */
  close(): Promise<void>;
}

/** What a topic is needed for. Only topics for `'subscribe'` can be patterns. */
export type TopicPurpose = 'publish' | 'subscribe' | 'dead-letter';

/** Represents running intake. */
export interface Consumption {
  /**
   * Resolves when the sinks have received everything that the subscribed topics held at the moment of the call, and no
   * sink still asks the driver to wait. It does not resolve earlier, however long the broker stalls. An empty topic
   * resolves immediately; a growing topic resolves at the end it had at the call. Partitions that move to another
   * member are no longer waited for. Stays pending after `stop`.
   *
   * Leave it out if the broker cannot report where a topic ends. Replays and the dead-letter admin then stop after one
   * second without a message.
   * @throws TransportError when the end cannot be read
   */
  untilEnd?(): Promise<void>;
  /**
   * Returns, for each subscription in the order of `consume`, how many messages the broker could deliver to this member
   * now but has not delivered. The library compares the number with what arrives: a subscription that receives nothing
   * while messages wait is not `up`. It is called every few seconds for an idle subscription, so it must cost one cheap
   * request.
   *
   * `undefined` means unknown (no permission to query, broker unreachable) or nothing to deliver to this member:
   * another member is active, the group's limit of unsettled messages is reached, or the driver holds intake back (the
   * sink asked to wait, a partition is stalled). Do not count messages that the sink holds or messages that are not due
   * yet.
   *
   * Leave it out if the broker cannot be queried. Never rejects.
   */
  waiting?(): Promise<readonly (number | undefined)[]>;
  /** Stops delivering new messages; messages that the sinks hold can still be settled. A second call has no effect. */
  stop(): Promise<void>;
  /**
   * Flushes every settlement to the broker, returns the other messages to it, and leaves the groups. A second call has
   * no effect.
   */
  close(): Promise<void>;
}

/** The outcome for one message: a receipt, or an error whose `stored` says what is known. */
export type SendResult = PublishReceipt | TransportError;

/**
 * Lets a driver whose broker confirms message by message keep a sliding window of messages under way, instead of one
 * request after another. Indexes count the messages of the call first, then those that `next` returned, in that order.
 */
export interface SendWindow {
  /**
   * Reports one message as stored, so that its publisher continues before the other messages are stored. Call it at
   * most once per message.
   */
  stored(index: number, receipt: PublishReceipt): void;
  /**
   * Returns up to `limit` more messages for the topic of the call; empty when none wait. Their results follow those of
   * the call. Do not call it after a message was rejected or lost: that message has to be sent again before any later
   * one.
   * @param isLate a part of the call takes very long, and messages for other parts of the topic must not wait for it:
   *   the call can then grow beyond the usual size. @default false
   */
  next(limit: number, isLate?: boolean): readonly OutgoingMessage[];
}

/**
 * Stores messages and reports an outcome for each.
 *
 * The library makes one call of `send` at a time per topic, whatever the message is (publish, dead letter, retry copy,
 * reply, replay). Calls for different topics overlap. A driver therefore keeps the order of messages within a call, and
 * a call that waits must not delay a call for another topic.
 */
export interface Producer {
  /** Largest message (key, body and headers) that can be sent, in bytes. */
  readonly maxBytes: number;
  /** Maximum size of one call of `send`, in bytes. Every caller in the library respects it. */
  readonly maxRequestBytes: number;
  /** Why the broker confirms nothing at the moment, where it says so; part of the error when a publish times out. */
  readonly obstacle?: string | undefined;
  /** What to check when a topic's messages wait long for their confirmation; ends the sentence in health. */
  readonly unansweredAdvice?: string | undefined;
  /**
   * Rejects a message that the broker would reject (topic name, partition number) before it is batched with others. The
   * publisher checks the size against `maxBytes`. Called once per message, so it must be cheap.
   */
  check(message: OutgoingMessage): void;
  /**
   * Sends messages of one topic in order and resolves on the broker's own confirmation, with one result per message, in
   * the given order. Never rejects. An error's `stored` is `'no'` only if the broker certainly did not store the
   * message anywhere. It is `'unknown'` if one of several queues or an earlier try may hold the message. Only `'no'` is
   * sent again. If the broker rejected a request because of one unidentified message, all get
   * `TRANSPORT_BATCH_REJECTED` and the caller sends smaller requests.
   * @param window for a driver whose broker confirms message by message; the driver and the caller can ignore it
   */
  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]>;
}

/** `'degraded'`: messages flow, but some of them wait; `'down'`: none flow. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** Describes the state of a connection. */
export interface BrokerHealth {
  readonly status: HealthStatus;
  /** One sentence per problem; empty when `up`. */
  readonly problems: readonly string[];
}
