import type { BrokerFacts, BrokerSettings, TopicFacts, TopicQuery } from '../../../contract/index.js';
import { ClientFailure, type TopicKeeping } from '../client/seam.js';
import type { ResolvedKafkaOptions } from '../options.js';

/** The topic configs that a guarantee depends on, under Kafka's names. */
export const TOPIC_CONFIGS = [
  'min.insync.replicas',
  'unclean.leader.election.enable',
  'cleanup.policy',
  'retention.ms',
] as const;

const REMEDIES = {
  'one-copy': 'Create the topic with replication factor 3.',
  'confirmed-by-one': 'Set min.insync.replicas of the topic to 2.',
  'newest-of-key': 'Set cleanup.policy of the topic to delete.',
  'stale-election': 'Set unclean.leader.election.enable of the topic to false.',
  'confirmed-by-leader': "Remove acks from kafka(), or set acks: 'all'.",
  'not-readable': 'Grant this user DescribeConfigs on the topic (ACL).',
  'kept-for-a-time': 'Raise retention.ms of the topic above the longest outage.',
  repeats: 'Remove idempotent from kafka(), or set idempotent: true.',
} as const satisfies BrokerFacts['remedy'];

/** Derives facts from the configs of the topics. Pure. */
export function factsOf(
  { acks, idempotent }: Pick<ResolvedKafkaOptions, 'acks' | 'idempotent'>,
  queries: readonly TopicQuery[],
  keeping: ReadonlyMap<string, TopicKeeping>,
): BrokerFacts {
  return {
    confirmedBy: acks === 'all' ? 'all' : 'one',
    idempotent,
    settings: { acks, idempotent },
    remedy: REMEDIES,
    ...(isOneServer(keeping) ? { inherent: ['one-copy'] } : {}),
    topics: queries.map(({ topic }) => {
      const known = keeping.get(topic);
      return known === undefined ? undefined : topicFacts(known);
    }),
  };
}

/** A cluster of one broker, as developers run it, cannot keep two copies: the start does not warn of that. */
const isOneServer = (keeping: ReadonlyMap<string, TopicKeeping>): boolean =>
  keeping.size > 0 && [...keeping.values()].every(({ servers }) => servers === 1);

function topicFacts({ replicas, config }: TopicKeeping): TopicFacts {
  const copies = { storage: 'disk', copies: replicas } as const;
  if (config instanceof ClientFailure) {
    return { ...copies, unknown: config.message, settings: { 'replication.factor': replicas } };
  }
  const policy = config['cleanup.policy'];
  const deletes = (policy ?? 'delete').includes('delete');
  const retentionMs = numberOf(config['retention.ms']);
  return {
    ...copies,
    ...optional('confirmedCopies', numberOf(config['min.insync.replicas'])),
    ...optional('staleElection', flagOf(config['unclean.leader.election.enable'])),
    ...optional('keptMs', deletes && retentionMs !== undefined && retentionMs >= 0 ? retentionMs : undefined),
    ...optional('newestOfKey', policy?.includes('compact')),
    settings: { 'replication.factor': replicas, ...settingsOf(config) },
  };
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);

const flagOf = (text: string | undefined): boolean | undefined =>
  text === 'true' || text === 'false' ? text === 'true' : undefined;

const settingsOf = (config: Readonly<Record<string, string>>): BrokerSettings =>
  Object.fromEntries(Object.entries(config).map(([name, text]) => [name, numberOf(text) ?? flagOf(text) ?? text]));

function optional<Name extends keyof TopicFacts>(name: Name, value: TopicFacts[Name]): Pick<TopicFacts, Name> | object {
  return value === undefined ? {} : { [name]: value };
}
