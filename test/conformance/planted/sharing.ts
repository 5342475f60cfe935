import { setTimeout as pause } from 'node:timers/promises';
import type { Broker, Delivery, StartFrom, SubscriptionSink } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { wrapBroker } from 'nest-transport/testing';
import { ACK } from './altered.js';
import type { Planted } from './planted.js';

/** A broker that subscribes to something else than it was asked to. */
function misunderstanding(
  change: (subscriptions: readonly SubscriptionSink[], connection: number) => SubscriptionSink[],
): Broker {
  let connections = 0;
  return wrapBroker(memory(), () => {
    const connection = ++connections;
    return { consume: (subscriptions, go) => go(change(subscriptions, connection)) };
  });
}

const inGroup = (each: SubscriptionSink, group: string): SubscriptionSink => ({
  ...each,
  subscription: { ...each.subscription, group },
});

const startingAt = (each: SubscriptionSink, startFrom: StartFrom): SubscriptionSink => ({
  ...each,
  subscription: { ...each.subscription, startFrom },
});

const startingFrom = (startFrom: StartFrom): Broker =>
  misunderstanding((all) => all.map((each) => startingAt(each, startFrom)));

function oneFurther(startFrom: StartFrom): StartFrom {
  if (typeof startFrom !== 'object' || !('offsets' in startFrom)) return startFrom;
  const further = Object.entries(startFrom.offsets).map(([partition, offset]) => [partition, String(+offset + 1)]);
  return { offsets: Object.fromEntries(further) as Record<number, string> };
}

/** Says that a topic is at its end as soon as nothing has come for a second. */
export const silenceIsTheEnd = (): Broker => wrapBroker(memory(), () => ({ untilEnd: () => pause(1_000) }));

/** Each connection is a group of its own: members do not share, and nobody finds the place again. */
export const groupPerConnection = (): Broker =>
  misunderstanding((all, connection) => all.map((each) => inGroup(each, `${each.subscription.group}-${connection}`)));

export const SHARING: readonly Planted[] = [
  {
    testCase: 'many-publishers-and-subscribers',
    fault: 'loses one message of a hundred',
    createBroker: () => {
      let delivered = 0;
      return wrapBroker(memory(), () => ({
        receive: (deliveries, go) =>
          go(deliveries.filter((delivery) => ++delivered % 100 !== 0 || !delivery.settle(ACK))),
      }));
    },
    saying: /confirmed, but neither handled nor dead-lettered/,
  },
  {
    testCase: 'topics-do-not-cross',
    fault: 'lets a second subscription on a topic replace the first (kratos-transport, every broker)',
    createBroker: () =>
      misunderstanding((all) => [...new Map(all.map((each) => [each.subscription.topic, each])).values()]),
    saying: /120 messages are settled: not within/,
  },
  {
    testCase: 'groups-each-get-all',
    fault: 'has one group only',
    createBroker: () => misunderstanding((all) => all.map((each) => inGroup(each, 'the-one'))),
    saying: /50 messages are settled: not within/,
  },
  {
    testCase: 'new-group-can-start-at-a-moment',
    fault: 'takes a moment for the beginning',
    createBroker: () => startingFrom('beginning'),
    saying: /Expected values to be strictly deep-equal/,
  },
  {
    testCase: 'new-group-can-start-at-an-offset',
    fault: 'begins behind the message at the offset, as if it were the last one that was done',
    createBroker: () =>
      misunderstanding((all) =>
        all.map(({ subscription, sink }) => ({
          subscription: { ...subscription, startFrom: oneFurther(subscription.startFrom) },
          sink,
        })),
      ),
    saying: /messages are settled: not within/,
  },
  {
    testCase: 'a-window-can-be-replayed',
    fault: 'replays in the live group itself',
    createBroker: () =>
      misunderstanding((all) => all.map((each) => inGroup(each, each.subscription.group.replace(/\.replay\..*/, '')))),
    saying: /the replay reads its window to the end/,
    options: { deadlineMs: 5_000 },
  },
  {
    testCase: 'a-window-can-be-replayed',
    fault: 'takes a second of silence for the end of a topic',
    createBroker: silenceIsTheEnd,
    saying: /to the end, also while the broker stalls/,
    options: { deadlineMs: 5_000 },
  },
  {
    testCase: 'every-instance-gets-all',
    fault: 'shares the messages among the instances',
    createBroker: () => misunderstanding((all) => all.map((each) => inGroup(each, 'the-one'))),
    saying: /50 messages are settled: not within/,
  },
  {
    testCase: 'a-pattern-takes-many-topics',
    fault: 'takes ">" for one word',
    createBroker: () =>
      misunderstanding((all) =>
        all.map(({ subscription, sink }) => ({
          subscription: { ...subscription, topic: subscription.topic.replace('>', '*') },
          sink,
        })),
      ),
    saying: /3 messages are settled: not within/,
  },
  {
    testCase: 'members-share-a-group',
    fault: 'gives every message to every member (a random group when none is given: kratos-transport)',
    createBroker: groupPerConnection,
    saying: /given to more than one member/,
  },
  {
    testCase: 'another-member-takes-over',
    fault: 'settles at its end whatever it had fetched (auto-commit)',
    createBroker: () =>
      wrapBroker(memory(), () => {
        const handedOver: Delivery[] = [];
        return {
          receive: (deliveries, go) => (handedOver.push(...deliveries), go(deliveries)),
          leave: (go) => (handedOver.forEach((delivery) => delivery.settle(ACK)), go()),
        };
      }),
    saying: /20 messages are settled: not within/,
  },
  {
    testCase: 'members-come-and-go',
    fault:
      'starts a member that joins a running group with what comes next (kafkajs, fromBeginning: false, nothing committed)',
    createBroker: () => {
      let connections = 0;
      return wrapBroker(memory(), () => {
        const since = ++connections > 2 ? Date.now() : 0;
        return {
          receive: (deliveries, go) =>
            go(deliveries.filter((delivery) => Number(delivery.publishedAt) > since || !delivery.settle(ACK))),
        };
      });
    },
    saying: /confirmed, but neither handled nor dead-lettered/,
  },
  {
    testCase: 'a-deploy-may-add-a-topic',
    fault: 'takes the topics of a group from its first member',
    createBroker: () => {
      const topicsOf = new Map<string, Set<string>>();
      return misunderstanding((all) => {
        const topics = new Set(all.map(({ subscription }) => subscription.topic));
        for (const { subscription } of all)
          if (!topicsOf.has(subscription.group)) topicsOf.set(subscription.group, topics);
        return all.filter(({ subscription: { group, topic } }) => topicsOf.get(group)?.has(topic));
      });
    },
    saying: /their topic was never read/,
  },
  {
    testCase: 'new-group-starts-at-the-beginning',
    fault: 'starts a new group at the end (go-queue, "last" by default)',
    createBroker: () => startingFrom('new'),
    saying: /10 messages are settled: not within/,
  },
  {
    testCase: 'new-group-can-start-with-what-comes-next',
    fault: 'starts every group at the beginning',
    createBroker: () => startingFrom('beginning'),
    saying: /-1/,
  },
];
