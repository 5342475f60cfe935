import type {
  Broker,
  BrokerConnection,
  BrokerFacts,
  BrokerHealth,
  BrokerHost,
  Capabilities,
  Consumption,
  Delivery,
  OutgoingMessage,
  Producer,
  Reply,
  Requester,
  SendResult,
  Subscription,
  SubscriptionSink,
  TopicQuery,
} from '../../contract/index.js';

/**
 * Intercepts the calls between an application and one connection of a broker. Each function decides whether, when and with
 * what to continue by calling `go`. Calls without a function pass unchanged.
 */
export interface Interception {
  /** `BrokerConnection.connect`. */
  connect?(go: () => Promise<void>, abort: AbortSignal): Promise<void>;
  /** `BrokerConnection.connectOnce`. */
  connectOnce?(go: () => Promise<void>): Promise<void>;
  /** `BrokerConnection.ensureTopics`. */
  ensureTopics?(topics: readonly string[], go: () => Promise<void>): Promise<void>;
  /** `BrokerConnection.describe`. */
  describe?(questions: readonly TopicQuery[], go: () => Promise<BrokerFacts>): Promise<BrokerFacts>;
  /** `Producer.check`. */
  check?(message: OutgoingMessage, go: () => void): void;
  /** `Producer.send`. */
  send?(
    messages: readonly OutgoingMessage[],
    go: (messages: readonly OutgoingMessage[]) => Promise<readonly SendResult[]>,
  ): Promise<readonly SendResult[]>;
  /** `BrokerConnection.consume`. */
  consume?(
    subscriptions: readonly SubscriptionSink[],
    go: (subscriptions: readonly SubscriptionSink[]) => Promise<Consumption>,
  ): Promise<Consumption>;
  /** `DeliverySink.receive`: the way back, from the broker to the application. */
  receive?(
    deliveries: readonly Delivery[],
    go: (deliveries: readonly Delivery[]) => void | Promise<void>,
    subscription: Subscription,
  ): void | Promise<void>;
  /** `Consumption.untilEnd`; not asked where the driver has none. */
  untilEnd?(go: () => Promise<void>): Promise<void>;
  /** `Consumption.waiting`; not asked where the driver has none. */
  waiting?(go: () => Promise<readonly (number | undefined)[]>): Promise<readonly (number | undefined)[]>;
  /** `Consumption.stop`. */
  stop?(go: () => Promise<void>): Promise<void>;
  /** `Consumption.close`. */
  leave?(go: () => Promise<void>): Promise<void>;
  /** `Requester.request`. */
  request?(
    message: OutgoingMessage,
    onReply: (reply: Reply) => void,
    go: Requester['request'],
  ): ReturnType<Requester['request']>;
  /** `BrokerConnection.health`. */
  health?(go: () => BrokerHealth): BrokerHealth;
  /** `BrokerConnection.close`. */
  close?(go: () => Promise<void>): Promise<void>;
}

/**
 * Wraps a broker and intercepts its calls, for fault injection and observation.
 *
 * ```ts
 * const slow = wrapBroker(memory(), () => ({
 *   send: async (messages, go) => (await pause(50), go(messages)),
 * }));
 * ```
 * @param intercept called once per connection, so that what it keeps belongs to one application
 */
export function wrapBroker(
  broker: Broker,
  intercept: (host: BrokerHost) => Interception,
  capabilities: Partial<Capabilities> = {},
): Broker {
  return {
    driver: broker.driver,
    capabilities: { ...broker.capabilities, ...capabilities },
    unsupportedBecause: broker.unsupportedBecause,
    checkSubscription: (subscription) => broker.checkSubscription(subscription),
    open: (host) => wrapConnection(broker.open(host), intercept(host)),
  };
}

function wrapConnection(inner: BrokerConnection, by: Interception): BrokerConnection {
  return {
    producer: wrapProducer(inner.producer, by),
    groupsSpanTopics: inner.groupsSpanTopics ?? false,
    ...(inner.requester === undefined ? {} : { requester: wrapRequester(inner.requester, by) }),
    connect: (abort) => (by.connect ? by.connect(() => inner.connect(abort), abort) : inner.connect(abort)),
    connectOnce: () => (by.connectOnce ? by.connectOnce(() => inner.connectOnce()) : inner.connectOnce()),
    ensureTopics: (topics, purpose) => {
      const go = (): Promise<void> => inner.ensureTopics(topics, purpose);
      return by.ensureTopics ? by.ensureTopics(topics, go) : go();
    },
    ...(inner.describe === undefined ? {} : { describe: (questions) => describe(inner, questions, by) }),
    consume: (subscriptions) => {
      const go = async (taken: readonly SubscriptionSink[]) =>
        wrapConsumption(await inner.consume(taken.map((each) => wrapSink(each, by))), by);
      return by.consume ? by.consume(subscriptions, go) : go(subscriptions);
    },
    health: () => (by.health ? by.health(() => inner.health()) : inner.health()),
    close: () => (by.close ? by.close(() => inner.close()) : inner.close()),
  };
}

async function describe(
  inner: BrokerConnection,
  questions: readonly TopicQuery[],
  by: Interception,
): Promise<BrokerFacts> {
  const go = async (): Promise<BrokerFacts> => (inner as Required<BrokerConnection>).describe(questions);
  return by.describe ? by.describe(questions, go) : go();
}

function wrapProducer(inner: Producer, by: Interception): Producer {
  return {
    // Getters, because a driver may learn its limits only when it connects.
    get maxBytes() {
      return inner.maxBytes;
    },
    get maxRequestBytes() {
      return inner.maxRequestBytes;
    },
    get obstacle() {
      return inner.obstacle;
    },
    check: (message) => (by.check ? by.check(message, () => inner.check(message)) : inner.check(message)),
    // What is intercepted may change the outcome, so nothing is reported early then.
    send: (messages, window) =>
      by.send ? by.send(messages, (sent) => inner.send(sent)) : inner.send(messages, window),
  };
}

function wrapRequester(inner: Requester, by: Interception): Requester {
  const go: Requester['request'] = (message, onReply) => inner.request(message, onReply);
  return { request: (message, onReply) => (by.request ? by.request(message, onReply, go) : go(message, onReply)) };
}

function wrapSink({ subscription, sink }: SubscriptionSink, by: Interception): SubscriptionSink {
  if (by.receive === undefined) return { subscription, sink };
  const go = (deliveries: readonly Delivery[]) => sink.receive(deliveries);
  return {
    subscription,
    sink: {
      receive: (deliveries) => by.receive?.(deliveries, go, subscription),
      revoked: () => sink.revoked(),
    },
  };
}

function wrapConsumption(inner: Consumption, by: Interception): Consumption {
  const untilEnd = inner.untilEnd?.bind(inner);
  const waiting = inner.waiting?.bind(inner);
  return {
    ...(untilEnd === undefined ? {} : { untilEnd: () => (by.untilEnd ? by.untilEnd(untilEnd) : untilEnd()) }),
    ...(waiting === undefined ? {} : { waiting: () => (by.waiting ? by.waiting(waiting) : waiting()) }),
    stop: () => (by.stop ? by.stop(() => inner.stop()) : inner.stop()),
    close: () => (by.leave ? by.leave(() => inner.close()) : inner.close()),
  };
}
