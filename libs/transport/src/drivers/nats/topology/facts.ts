import type { StreamConfig } from '@nats-io/jetstream';
import type { BrokerFacts, BrokerSettings, TopicFacts, TopicQuery } from '../../../contract/index.js';
import { msOf } from './streams.js';

/** The settings of a stream on which a guarantee depends, under NATS's names. */
const STREAM_SETTINGS = [
  'storage',
  'num_replicas',
  'retention',
  'max_age',
  'max_msgs',
  'max_bytes',
  'discard',
] as const satisfies (keyof StreamConfig)[];

/** The part of a stream's configuration that the driver reads. */
export type StreamKeeping = Pick<StreamConfig, (typeof STREAM_SETTINGS)[number]>;

const REMEDIES = {
  'one-copy': 'Give the stream 3 replicas: nats stream edit <stream> --replicas 3.',
  'kept-in-memory': 'Recreate the stream with file storage; NATS cannot change the storage of a stream.',
  'not-stored': "Remove mode: 'core' from nats(): JetStream stores the messages.",
  unconfirmed: "Remove mode: 'core' from nats(): JetStream confirms what it has stored.",
  'not-readable': 'Grant this user permission to publish to $JS.API.STREAM.NAMES and $JS.API.STREAM.INFO.>.',
  'waits-too-long': 'Raise max_age of the stream above the sum of retry.redeliveryDelaysMs, or use shorter delays.',
  'kept-for-a-time': 'Raise max_age of the stream above the longest outage.',
} as const satisfies BrokerFacts['remedy'];

/** Derives facts from the streams that hold a topic or a part of a pattern. Pure. */
export function streamFacts(
  queries: readonly TopicQuery[],
  keeping: ReadonlyMap<string, readonly StreamKeeping[]>,
  isCluster: boolean,
): BrokerFacts {
  return {
    confirmedBy: 'all',
    remedy: REMEDIES,
    // A server without a cluster, as developers run it, cannot keep two copies: the start does not warn of that.
    ...(isCluster ? {} : { inherent: ['one-copy'] }),
    topics: queries.map(({ topic }) => topicFacts(keeping.get(topic) ?? [])),
  };
}

/** Core NATS delivers a message to current subscribers only. */
export const coreFacts = (queries: readonly TopicQuery[]): BrokerFacts => ({
  confirmedBy: 'none',
  remedy: REMEDIES,
  topics: queries.map(() => ({ storage: 'nowhere' })),
});

/** A pattern is as safe as the weakest stream that it matches. */
function topicFacts(streams: readonly StreamKeeping[]): TopicFacts | undefined {
  const [weakest] = [...streams].sort((a, b) => a.num_replicas - b.num_replicas);
  if (weakest === undefined) return undefined;
  const copies = weakest.num_replicas;
  const ages = streams.map(({ max_age: age }) => age).filter((age) => age > 0);
  return {
    storage: streams.some(({ storage }) => storage === 'memory') ? 'memory' : 'disk',
    copies,
    // Raft confirms with a majority, and elects only a server that has everything confirmed.
    confirmedCopies: Math.floor(copies / 2) + 1,
    staleElection: false,
    ...(ages.length === 0 ? {} : { keptMs: msOf(Math.min(...ages)) }),
    settings: settingsOf(weakest),
  };
}

const settingsOf = (stream: StreamKeeping): BrokerSettings =>
  Object.fromEntries(STREAM_SETTINGS.map((name) => [name, stream[name]]));
