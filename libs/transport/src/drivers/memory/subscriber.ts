import type { BrokerHost, Consumption, SubscriptionSink } from '../../contract/index.js';
import { sumOfKnown, type MemoryGroup } from './group.js';
import type { MemoryMember } from './member.js';
import type { MemoryStore } from './store.js';
import type { MemoryTopic } from './topic.js';

interface Membership {
  /** Index of its subscription in the consumption. */
  readonly subscription: number;
  readonly group: MemoryGroup;
  readonly member: MemoryMember;
  readonly leave: () => void;
}

/** The running consumption of one application: one member in each of its groups. */
export class MemoryConsumption implements Consumption {
  readonly #host: BrokerHost;
  readonly #memberships: Membership[] = [];
  readonly #watches: readonly (() => void)[];
  readonly #subscriptions: number;

  constructor(store: MemoryStore, host: BrokerHost, subscriptions: readonly SubscriptionSink[]) {
    this.#host = host;
    this.#subscriptions = subscriptions.length;
    this.#watches = subscriptions.map((each, subscription) =>
      store.watch(each.subscription.topic, (topic) => {
        this.#memberships.push({ subscription, ...this.#join(topic, each) });
      }),
    );
  }

  async untilEnd(): Promise<void> {
    await Promise.all(this.#memberships.map(({ group, member }) => group.untilEnd(member)));
  }

  waiting(): Promise<readonly (number | undefined)[]> {
    const counts = Array.from({ length: this.#subscriptions }, (_, index) => {
      const memberships = this.#memberships.filter(({ subscription }) => subscription === index);
      return sumOfKnown(memberships.map(({ group, member }) => group.waitingFor(member)));
    });
    return Promise.resolve(counts);
  }

  stop(): Promise<void> {
    for (const unwatch of this.#watches) unwatch();
    for (const { group, member } of this.#memberships) group.pause(member);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.stop();
    for (const { leave } of this.#memberships) leave();
  }

  #join(topic: MemoryTopic, { subscription, sink }: SubscriptionSink): Omit<Membership, 'subscription'> {
    const { group: name, topic: subscribed, maxInFlight, delivery } = subscription;
    const { broker, clock, notices } = this.#host;
    const warn = (warning: string): void =>
      notices.emit('subscription:warned', { broker, topic: subscribed, group: name, warning });
    const group = topic.group(subscription, warn);
    const member = { sink, maxInFlight, clock };
    const leave = (): void => {
      group.leave(member);
      if (delivery === 'every-instance') topic.forget(name, subscribed);
    };
    group.join(member);
    return { group, member, leave };
  }
}
