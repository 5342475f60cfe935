import type { Clock, Consumption, SubscriptionSink } from '../../contract/index.js';
import type { MemoryGroup } from './group.js';
import type { MemoryMember } from './member.js';
import type { MemoryStore } from './store.js';

interface Membership {
  readonly group: MemoryGroup;
  readonly member: MemoryMember;
}

/** The intake of one application: a member in each of its groups. */
export class MemoryConsumption implements Consumption {
  readonly #memberships: readonly Membership[];

  constructor(store: MemoryStore, clock: Clock, subscriptions: readonly SubscriptionSink[]) {
    this.#memberships = subscriptions.map(({ subscription, sink }) => {
      const { topic, group, startFrom, maxInFlight } = subscription;
      return { group: store.topic(topic).group(group, startFrom), member: { sink, maxInFlight, clock } };
    });
    for (const { group, member } of this.#memberships) group.join(member);
  }

  stop(): Promise<void> {
    for (const { group, member } of this.#memberships) group.pause(member);
    return Promise.resolve();
  }

  close(): Promise<void> {
    for (const { group, member } of this.#memberships) group.leave(member);
    return Promise.resolve();
  }
}
