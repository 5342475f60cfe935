import type { DeadLetterAdmin, SubscriptionSummary } from '../../consuming/index.js';
import { TransportError } from '../../contract/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import type { RootModule } from '../lifecycle/create-transport-app.js';
import { withMadeApplication, type MadeOptions } from '../lifecycle/made-application.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** The options of `withDeadLetters`. */
export interface WithDeadLettersOptions extends MadeOptions {
  /** The name of the broker; required if several brokers have the topic. @default the one that has it */
  readonly broker?: string;
}

/**
 * Opens the dead letters of an application without starting it: no lifecycle hook and no handler is called. For scripts and tools; a
 * running application has `broker.deadLetters`. Connects only the topic's broker, and disconnects when `work` is done.
 *
 * ```ts
 * await withDeadLetters(AppModule, 'order.created', (admin, deadLetterTopic) => admin.replay(deadLetterTopic));
 * ```
 * @param topic a topic that the application subscribes to, or its dead-letter topic. Others are rejected: a broker with
 *   automatic topic creation would create a mistyped topic
 * @throws TransportError `TRANSPORT_SUBSCRIPTION_UNKNOWN` for another topic, or one with several dead-letter topics;
 *   `TRANSPORT_NOT_CONNECTED` without `TransportModule`; the errors of the connection
 */
export function withDeadLetters<Result>(
  module: RootModule,
  topic: string,
  work: (admin: DeadLetterAdmin, deadLetterTopic: string) => Promise<Result>,
  { broker, ...nest }: WithDeadLettersOptions = {},
): Promise<Result> {
  return withMadeApplication('withDeadLetters', module, nest, async (_, runtime) => {
    const place = placeOf(runtime, topic, broker);
    await place.broker.connection.connectOnce();
    return work(place.broker.deadLetters, place.deadLetterTopic);
  });
}

interface Place {
  readonly broker: BrokerRuntime;
  readonly deadLetterTopic: string;
}

function placeOf({ brokers }: TransportRuntime, topic: string, wanted: string | undefined): Place {
  const all = [...brokers.values()].flatMap((broker) => broker.subscriptions.flatMap((each) => placesOf(broker, each)));
  const named = all.filter(
    ({ broker, topics }) => (wanted === undefined || broker.name === wanted) && topics.includes(topic),
  );
  const found = [...new Map(named.map((place) => [shownPlace(place), place])).values()];
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const where = wanted === undefined ? '' : ` on broker "${wanted}"`;
  const known = [...new Set((found.length === 0 ? all : found).map(shownPlace))].join(', ');
  const text =
    found.length === 0
      ? `"${topic}" is not a topic of this application with dead letters${where}. Known: ${known || 'none, because the application has no subscriptions'}.`
      : `"${topic}" has several dead-letter topics${where}. Pass one of them, and its broker: ${known}.`;
  throw new TransportError('TRANSPORT_SUBSCRIPTION_UNKNOWN', text, { topic });
}

function placesOf(broker: BrokerRuntime, { topic, resolvedDeadLetterTopic }: SubscriptionSummary) {
  const deadLetterTopic = resolvedDeadLetterTopic;
  return deadLetterTopic === undefined ? [] : [{ broker, deadLetterTopic, topics: [topic, deadLetterTopic] }];
}

const shownPlace = ({ broker, deadLetterTopic }: Place): string => `"${deadLetterTopic}" on broker "${broker.name}"`;
