import type { BrokerFacts, TopicQuery } from './broker-facts.js';
import type { Capabilities, CapabilityReasons } from './capabilities.js';
import type { Clock } from './clock.js';
import type { TransportError } from './errors.js';
import type { OutgoingMessage, PublishReceipt } from './message.js';
import type { Notices } from './notices.js';
import type { Requester } from './reply.js';
import type { Subscription, SubscriptionSink } from './subscription.js';

/**
 * A driver's front entry point: what `kafka({...})` and `memory()` return. It holds checked options and no connection, so one
 * value may serve several applications; each gets a connection of its own from `open`.
 *
 * A whole driver: `open` gives a connection whose `producer` stores messages and whose `consume` hands deliveries to
 * sinks. Everything above (retry, order, dead letter, drain) is the library's.
 */
export interface Broker {
  /** `'kafka'`, `'memory'`, ...: named in errors and notices. */
  readonly driver: string;
  readonly capabilities: Capabilities;
  /** Why some of what is `absent` is: told where it is asked for. */
  readonly unsupportedBecause?: CapabilityReasons | undefined;
  /**
   * Refuses what this broker would refuse: names, contradictory settings. Pure, called before anything connects.
   * @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_GROUP_INVALID`, `TRANSPORT_OPTION_CONFLICT`
   */
  checkSubscription(subscription: Subscription): void;
  /** Makes the connection of one application; it dials nothing before `connect`. One broker value may be opened several times. */
  open(host: BrokerHost): BrokerConnection;
}

/** What a connection may use of the application around it. */
export interface BrokerHost {
  /** The service's name: client ids are made from it. */
  readonly service: string;
  /** The name the application gave this broker; `'default'` when it has one. */
  readonly broker: string;
  readonly notices: Notices;
  readonly clock: Clock;
}

/** One application's connection to a broker, from `open` to `close`: it connects, publishes through `producer`, consumes. */
export interface BrokerConnection {
  readonly producer: Producer;
  /**
   * True where all topics of a group share one membership, so that a member with another topic makes the whole group rebalance
   * (Kafka). Dead letters are then read by a group per topic. @default false
   */
  readonly groupsSpanTopics?: boolean;
  /**
   * Resolves when the broker answered; keeps trying, without end, while it does not.
   * `abort` ends the wait. What another try cannot mend (login, certificate) rejects at once.
   * @throws TransportError `TRANSPORT_AUTHENTICATION_FAILED`, `TRANSPORT_TLS_FAILED`, `TRANSPORT_PEER_MISSING`, `TRANSPORT_CLOSED`
   */
  connect(abort: AbortSignal): Promise<void>;
  /** One try, for `connect: 'fail'`. @throws TransportError `TRANSPORT_BROKER_UNREACHABLE` and those of `connect` */
  connectOnce(): Promise<void>;
  /**
   * Makes sure that these topics are there: creates them where the driver was asked to, else looks.
   * A topic for `'dead-letter'` has to keep what is published to it although nobody subscribes yet.
   * @throws TransportError `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_AUTHORIZATION_FAILED`
   */
  ensureTopics(topics: readonly string[], purpose: TopicPurpose): Promise<void>;
  /**
   * Tells how the broker really keeps these topics, for the guarantee that is computed of it. Reads only: it makes nothing and
   * subscribes to nothing. A driver without it leaves guarantees unknown.
   * @throws TransportError when nothing could be learned; what is missing of one topic is told by `TopicFacts.unknown`
   */
  describe?(queries: readonly TopicQuery[]): Promise<BrokerFacts>;
  /** Starts intake for all subscriptions of the application at once; resolves when each is placed in its group. */
  consume(subscriptions: readonly SubscriptionSink[]): Promise<Consumption>;
  /** What is known at this moment, without asking the broker. */
  health(): BrokerHealth;
  /** Only where `capabilities.requestReply` is not absent. */
  readonly requester?: Requester;
  /** Closes the producer too; consumptions are closed before. Twice is the same as once. */
  close(): Promise<void>;
}

/** What a topic is needed for; only those of `'subscribe'` may be patterns. */
export type TopicPurpose = 'publish' | 'subscribe' | 'dead-letter';

/** Running intake. */
export interface Consumption {
  /**
   * Resolves when everything is with the sinks that the subscribed topics held for this consumption at the moment of the call,
   * and no sink that was given it still asks to wait. However long the broker stalls, it does not resolve before. An empty topic
   * resolves at once; one that grows meanwhile at the end that it had. What moves to another member of the group is not waited
   * for any more. Stays pending after `stop`.
   *
   * A driver whose broker cannot say where a topic ends leaves it out: replays and the dead-letter desk then take a second
   * without a message for the end.
   * @throws TransportError when the end cannot be learned
   */
  untilEnd?(): Promise<void>;
  /**
   * For each subscription of this consumption, in the order of `consume`: how many messages the broker holds that it could deliver
   * to this member now and has not. The library compares it with what arrives, so that a subscription that receives nothing while
   * messages wait is not reported as `up`. It is called every few seconds for a subscription that is idle: one cheap request.
   *
   * `undefined`: not known (no right to ask, the broker is away), or nothing is to come to this member: another member is the
   * active one, the group's limit of unsettled messages is reached, or the driver itself holds intake back (the sink asked to wait,
   * a partition that is stalled). Messages that are with the sink are not counted, nor those that are not due yet.
   *
   * A driver whose broker cannot be asked leaves it out. Never rejects.
   */
  waiting?(): Promise<readonly (number | undefined)[]>;
  /** Hands over nothing new from now on; what is with the sinks can still be settled. Twice is the same as once. */
  stop(): Promise<void>;
  /** Makes every settlement so far safe on the broker, gives back the rest, leaves the groups. Twice is the same as once. */
  close(): Promise<void>;
}

/** What became of one message: a receipt, or an error whose `stored` says what is known. */
export type SendResult = PublishReceipt | TransportError;

/**
 * For a driver whose broker confirms message by message: lets the messages under way be a window that slides, instead of one
 * request after the other. Positions count the messages of the call first, then those that `next` gave, in that order.
 */
export interface SendWindow {
  /** Called as soon as one message is stored: who published it goes on before its neighbours are stored. At most once a message. */
  stored(index: number, receipt: PublishReceipt): void;
  /**
   * Up to `limit` more messages for the topic of the call, to follow those under way; empty when none wait. Each has its
   * result behind those of the call. n.b. take none once a message was refused or lost: it has to go again before them.
   * @param isLate a part of the call takes very long, and the messages for other parts of the topic are not to wait for it: the
   *   call may then grow beyond the size of a usual one. @default false
   */
  next(limit: number, isLate?: boolean): readonly OutgoingMessage[];
}

/**
 * Stores messages and reports an outcome for each.
 *
 * The library calls `send` for one topic at a time per topic: a call starts when the one before it for the same topic has
 * resolved, whoever makes them (publishes, dead letters, retry copies, replies, replays). Calls for different topics overlap.
 * A driver therefore keeps the order of messages within a call, and lets a call that waits delay no call for another topic.
 */
export interface Producer {
  /** Largest message (key, body and headers) that may be sent, in bytes. */
  readonly maxBytes: number;
  /** Most bytes that may go into one call of `send`. Every caller in the library keeps to it. */
  readonly maxRequestBytes: number;
  /** Why nothing is confirmed just now, where the broker says so: told in the error of a publish that waited too long. */
  readonly obstacle?: string | undefined;
  /** What to look at where a topic's messages wait long for their confirmation: the end of the sentence in health. */
  readonly unansweredAdvice?: string | undefined;
  /**
   * Refuses, before the message meets any other, what the broker would refuse: topic name, partition number. Size is the
   * publisher's to check, by `maxBytes`.
   * Cheap: it is called once per message.
   */
  check(message: OutgoingMessage): void;
  /**
   * Sends messages of one topic in order and resolves on the broker's own confirmation, with a result per message, in the order given.
   * Never rejects. An error's `stored` is `'no'` only where the broker certainly stored the message nowhere; where one of several
   * queues or an earlier try may hold it, `'unknown'`. Only `'no'` is sent again. When a request was rejected because of one unknown
   * message in it, all of them get `TRANSPORT_BATCH_REJECTED` and the caller sends smaller requests.
   * @param window for a driver whose broker confirms message by message; it may be left unused, by the driver and by the caller
   */
  send(messages: readonly OutgoingMessage[], window?: SendWindow): Promise<readonly SendResult[]>;
}

/** `'degraded'`: messages flow, but a part of them waits; `'down'`: none flow. */
export type HealthStatus = 'up' | 'degraded' | 'down';

/** How a connection is now. */
export interface BrokerHealth {
  readonly status: HealthStatus;
  /** One sentence per thing that is not well; empty when up. */
  readonly problems: readonly string[];
}
