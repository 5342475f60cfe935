import type { Clock, Consumption, SubscriptionSink } from '../../contract/index.js';
import type { MemoryGroup } from './group.js';
import type { MemoryMember } from './member.js';
import type { MemoryStore } from './store.js';
import type { MemoryTopic } from './topic.js';

interface Membership {
  readonly group: MemoryGroup;
  readonly member: MemoryMember;
  readonly leave: () => void;
}

/** The intake of one application: a member in each of its groups. */
export class MemoryConsumption implements Consumption {
  readonly #clock: Clock;
  readonly #memberships: Membership[] = [];
  readonly #watches: readonly (() => void)[];

  constructor(store: MemoryStore, clock: Clock, subscriptions: readonly SubscriptionSink[]) {
    this.#clock = clock;
    this.#watches = subscriptions.map((each) =>
      store.watch(each.subscription.topic, (topic) => this.#memberships.push(this.#join(topic, each))),
    );
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

  #join(topic: MemoryTopic, { subscription, sink }: SubscriptionSink): Membership {
    const { group: name, topic: subscribed, startFrom, maxInFlight, delivery } = subscription;
    const group = topic.group(name, subscribed, startFrom);
    const member = { sink, maxInFlight, clock: this.#clock };
    const leave = (): void => {
      group.leave(member);
      if (delivery === 'every-instance') topic.forget(name, subscribed);
    };
    group.join(member);
    return { group, member, leave };
  }
}
