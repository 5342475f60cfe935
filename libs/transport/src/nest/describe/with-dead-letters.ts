import type { DeadLetterAdmin, SubscriptionSummary } from '../../consuming/index.js';
import { TransportError } from '../../contract/index.js';
import type { BrokerRuntime } from '../broker-runtime.js';
import type { RootModule } from '../lifecycle/create-transport-app.js';
import { withMadeApplication, type MadeOptions } from '../lifecycle/made-application.js';
import type { TransportRuntime } from '../transport-runtime.js';

/** What `withDeadLetters` takes beside the module and the topic. */
export interface WithDeadLettersOptions extends MadeOptions {
  /** The broker, where several have the topic. @default the one that has it */
  readonly broker?: string;
}

/**
 * Works with the dead letters of an application without running it: no hook is called and no handler gets a message. For scripts and tools; a running
 * application has `broker.deadLetters`. Connects the one broker, and closes it when `work` is done.
 *
 * ```ts
 * await withDeadLetters(AppModule, 'order.created', (desk, deadLetterTopic) => desk.replay(deadLetterTopic));
 * ```
 * @param topic one that the application subscribes to, or its dead-letter topic. Others are refused: a name that is
 *   mistyped would otherwise be made on brokers that make topics
 * @throws TransportError `TRANSPORT_SUBSCRIPTION_UNKNOWN` for a topic that is none of these or has several dead-letter topics;
 *   `TRANSPORT_NOT_CONNECTED` without `TransportModule`; what the connection says
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
  const found = [...new Map(named.map((place) => [tell(place), place])).values()];
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const where = wanted === undefined ? '' : ` on broker "${wanted}"`;
  const known = [...new Set((found.length === 0 ? all : found).map(tell))].join(', ');
  const text =
    found.length === 0
      ? `"${topic}" is no topic of this application with dead letters${where}. There are: ${known || 'none, as in an application without subscriptions'}.`
      : `"${topic}" has several dead-letter topics${where}. Name one, and its broker: ${known}.`;
  throw new TransportError('TRANSPORT_SUBSCRIPTION_UNKNOWN', text, { topic });
}

function placesOf(broker: BrokerRuntime, { topic, resolvedDeadLetterTopic }: SubscriptionSummary) {
  const deadLetterTopic = resolvedDeadLetterTopic;
  return deadLetterTopic === undefined ? [] : [{ broker, deadLetterTopic, topics: [topic, deadLetterTopic] }];
}

const tell = ({ broker, deadLetterTopic }: Place): string => `"${deadLetterTopic}" on broker "${broker.name}"`;
