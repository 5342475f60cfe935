import { Delivery, TransportError, type Broker, type BrokerConnection, type BrokerHost } from 'nest-transport';
import type { Capabilities, Headers, OutgoingMessage, Subscription, SubscriptionSink } from 'nest-transport';

const CAPABILITIES: Capabilities = {
  ...{ groups: 'native', atLeastOnce: 'native', startFromBeginning: 'native', headers: 'native' },
  ...{ orderAcrossMembers: 'native', orderByKey: 'emulated', redelivery: 'emulated', deadLetter: 'emulated' }, // by the library, above any driver
  ...{ delayedRedelivery: 'emulated' }, // as well
  ...{
    orderByPartition: 'unsupported',
    partitions: 'unsupported',
    attempts: 'unsupported',
    durability: 'unsupported',
    everyInstance: 'unsupported',
    wildcards: 'unsupported',
    startFromTime: 'unsupported',
    startFromOffset: 'unsupported',
    delayedPublish: 'unsupported',
    requestReply: 'unsupported',
  },
};

class TinyDelivery extends Delivery<OutgoingMessage> {
  readonly headers: Headers;
  readonly publishedAt = undefined;

  constructor(
    readonly raw: OutgoingMessage,
    readonly offset: string,
    group: string,
    readonly settled: () => void,
  ) {
    super(raw.topic, group, raw.key, raw.body, 1, undefined);
    this.headers = raw.headers ?? {};
  }

  header(name: string): string | undefined {
    return this.headers[name];
  }
}

/** Where a group stands on a topic. Its first member works, the others wait for it to leave. */
class Group {
  readonly members: SubscriptionSink[] = [];
  readonly #done = new Set<number>();
  #deliveries: TinyDelivery[] = [];
  #next: number;
  #busy = false;

  constructor(
    readonly log: OutgoingMessage[],
    readonly start: number,
  ) {
    this.#next = start;
  }

  deliver(): void {
    const member = this.members[0];
    if (member === undefined || this.#busy || this.#next === this.log.length) return;
    const batch: TinyDelivery[] = [];
    for (; this.#next < this.log.length && batch.length < member.subscription.maxInFlight; this.#next++) {
      const place = this.#next;
      const settled = (): void => void this.#done.add(place);
      const message = this.log[place] as OutgoingMessage;
      if (!this.#done.has(place)) batch.push(new TinyDelivery(message, `${place}`, member.subscription.group, settled));
    }
    this.#deliveries = [...this.#deliveries.filter(({ state }) => state !== 'settled'), ...batch];
    this.#busy = true; // until the sink wants more
    void Promise.resolve(member.sink.receive(batch)).then(() => setImmediate(() => this.#goOn()));
  }

  leave(member: SubscriptionSink): void {
    const wasWorking = this.members[0] === member;
    if (this.members.includes(member)) this.members.splice(this.members.indexOf(member), 1);
    if (!wasWorking) return;
    for (const delivery of this.#deliveries.splice(0)) delivery.revoke();
    member.sink.revoked();
    for (this.#next = this.start; this.#done.has(this.#next);) this.#next++;
    this.deliver();
  }

  #goOn(): void {
    this.#busy = false;
    this.deliver();
  }
}

export function tiny(): Broker {
  const logs = new Map<string, OutgoingMessage[]>();
  const groups = new Map<string, Group>();
  const logOf = (topic: string) => logs.get(topic) ?? (logs.set(topic, []).get(topic) as OutgoingMessage[]);
  const groupOf = ({ subscription: { topic, group, startFrom } }: SubscriptionSink): Group => {
    const name = `${group} ${topic}`;
    const log = logOf(topic);
    return (
      groups.get(name) ?? (groups.set(name, new Group(log, startFrom === 'new' ? log.length : 0)).get(name) as Group)
    );
  };
  const check = ({ topic }: { readonly topic: string }): void => {
    if (topic === '')
      throw new TransportError('TRANSPORT_TOPIC_INVALID', '[tiny] a topic needs a name.', { stored: 'no' });
  };
  const checkSubscription = ({ topic, group }: Subscription): void => {
    check({ topic });
    if (group === '') throw new TransportError('TRANSPORT_GROUP_INVALID', '[tiny] a group needs a name.');
  };

  const open = ({ broker, notices }: BrokerHost): BrokerConnection => {
    let closed = false;
    const connect = async () => notices.emit('broker:connected', { broker });
    const store = (message: OutgoingMessage) => {
      const { id, topic } = message;
      if (closed) return new TransportError('TRANSPORT_CLOSED', '[tiny] closed.', { stored: 'no', topic });
      return { id, topic, partition: undefined, offset: `${logOf(topic).push(message) - 1}` };
    };
    const send = async (messages: readonly OutgoingMessage[]) => {
      const results = messages.map(store);
      for (const group of groups.values()) setImmediate(() => group.deliver());
      return results;
    };
    const consume = async (subscriptions: readonly SubscriptionSink[]) => {
      const joined = subscriptions.map((each) => ({ each, group: groupOf(each) }));
      for (const { each, group } of joined) group.members.push(each);
      setImmediate(() => joined.forEach(({ group }) => group.deliver()));
      const close = async () => joined.forEach(({ each, group }) => group.leave(each));
      return { stop: async () => undefined, close };
    };
    return {
      producer: { maxBytes: 1_000_000, maxRequestBytes: 10_000_000, check, send },
      connect,
      connectOnce: connect,
      ensureTopics: async (topics) => topics.forEach((topic) => logOf(topic)),
      consume,
      health: () => (closed ? { status: 'down', problems: ['closed'] } : { status: 'up', problems: [] }),
      close: async () => void (closed = true),
    };
  };
  return { driver: 'tiny', capabilities: CAPABILITIES, checkSubscription, open };
}
