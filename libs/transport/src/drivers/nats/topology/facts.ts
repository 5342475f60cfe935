import type { StreamConfig } from '@nats-io/jetstream';
import type { BrokerFacts, BrokerSettings, TopicFacts, TopicQuery } from '../../../contract/index.js';
import { msOf } from './streams.js';

/** The settings of a stream that a guarantee hangs on, by NATS's names. */
const STREAM_SETTINGS = [
  'storage',
  'num_replicas',
  'retention',
  'max_age',
  'max_msgs',
  'max_bytes',
  'discard',
] as const satisfies (keyof StreamConfig)[];

/** What the driver reads of a stream's configuration. */
export type StreamKeeping = Pick<StreamConfig, (typeof STREAM_SETTINGS)[number]>;

const WAYS_OUT = {
  'one-copy': 'Give the stream 3 replicas: nats stream edit <stream> --replicas 3.',
  'kept-in-memory': 'Create the stream anew with file storage; NATS does not change it later.',
  'not-stored': "Leave mode: 'core' out of nats(), so that JetStream keeps the messages.",
  unconfirmed: "Leave mode: 'core' out of nats(), so that JetStream confirms what it has stored.",
  'not-readable': 'Give this user the right to publish to $JS.API.STREAM.NAMES and $JS.API.STREAM.INFO.>.',
  'waits-too-long': 'Raise max_age of the stream above all waits of retry.redeliveryDelaysMs together, or wait less.',
  'kept-for-a-time': 'Raise max_age of the stream above the longest outage.',
} as const satisfies BrokerFacts['remedy'];

/** From the streams that hold a topic, or a part of a pattern, to facts. Pure. */
export function streamFacts(
  queries: readonly TopicQuery[],
  keeping: ReadonlyMap<string, readonly StreamKeeping[]>,
  isCluster: boolean,
): BrokerFacts {
  return {
    confirmedBy: 'all',
    remedy: WAYS_OUT,
    // A server without a cluster, as developers run it, cannot keep two copies: the start does not warn of that.
    ...(isCluster ? {} : { inherent: ['one-copy'] }),
    topics: queries.map(({ topic }) => topicFacts(keeping.get(topic) ?? [])),
  };
}

/** Core NATS hands a message to those who listen now. */
export const coreFacts = (queries: readonly TopicQuery[]): BrokerFacts => ({
  confirmedBy: 'none',
  remedy: WAYS_OUT,
  topics: queries.map(() => ({ storage: 'nowhere' })),
});

/** n.b. a pattern is as safe as the weakest stream that it meets. */
function topicFacts(streams: readonly StreamKeeping[]): TopicFacts | undefined {
  const [weakest] = [...streams].sort((a, b) => a.num_replicas - b.num_replicas);
  if (weakest === undefined) return undefined;
  const copies = weakest.num_replicas;
  const ages = streams.map(({ max_age: age }) => age).filter((age) => age > 0);
  return {
    storage: streams.some(({ storage }) => storage === 'memory') ? 'memory' : 'disk',
    copies,
    // n.b. the majority of Raft; and only a server that has all of it is elected.
    confirmedCopies: Math.floor(copies / 2) + 1,
    staleElection: false,
    ...(ages.length === 0 ? {} : { keptMs: msOf(Math.min(...ages)) }),
    settings: settingsOf(weakest),
  };
}

const settingsOf = (stream: StreamKeeping): BrokerSettings =>
  Object.fromEntries(STREAM_SETTINGS.map((name) => [name, stream[name]]));
