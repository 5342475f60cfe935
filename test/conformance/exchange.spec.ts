import { TransportError, type Broker, type Capabilities, type SubscriptionSink } from 'nest-transport';
import { memory } from 'nest-transport/memory';
import { runConformance } from 'nest-transport/conformance';
import { wrapBroker } from 'nest-transport/testing';

const NONE: Partial<Capabilities> = {
  startFromBeginning: 'unsupported',
  startFromTime: 'unsupported',
  startFromOffset: 'unsupported',
  orderByKey: 'unsupported',
  orderAcrossMembers: 'unsupported',
  orderByPartition: 'unsupported',
  partitions: 'unsupported',
};

/**
 * A broker of the other kind: topics keep nothing, a group begins when it is made, order is nobody's promise, and what
 * no group wants is refused. The suite has to be as hard on it, and to ask for nothing that it does not promise.
 */
function exchange(): Broker {
  const bound = new Set<string>();
  return wrapBroker(
    memory(),
    () => ({
      ensureTopics: (topics, go) => {
        for (const topic of topics.filter((name) => name.endsWith('.dead-letter'))) bound.add(topic);
        return go();
      },
      consume: (subscriptions, go) => {
        for (const { subscription } of subscriptions) bound.add(subscription.topic);
        return go(subscriptions.map(fromItsBeginning));
      },
      send: async (messages, go) => {
        const unwanted = messages.find(({ topic }) => !isBound(bound, topic));
        if (unwanted === undefined) return go(messages);
        const { topic } = unwanted;
        return messages.map(
          () => new TransportError('TRANSPORT_PUBLISH_FAILED', `nobody wants ${topic}`, { stored: 'no', topic }),
        );
      },
    }),
    NONE,
  );
}

/** A dead-letter topic holds what nobody has read yet. */
const fromItsBeginning = ({ subscription, sink }: SubscriptionSink): SubscriptionSink => {
  const startFrom = subscription.topic.endsWith('.dead-letter') ? 'beginning' : subscription.startFrom;
  return { subscription: { ...subscription, startFrom }, sink };
};

const isBound = (bound: ReadonlySet<string>, topic: string): boolean =>
  [...bound].some((name) => name === topic || (/[*>]$/.test(name) && topic.startsWith(name.slice(0, -1))));

runConformance(
  { describe, test, afterEach, afterAll },
  { name: 'an exchange', createBroker: exchange, refusedTopic: 'no spaces please' },
);
