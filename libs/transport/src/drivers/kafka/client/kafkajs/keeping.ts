import type * as KafkaJs from 'kafkajs';
import type { ClientFailure, TopicKeeping } from '../seam.js';
import { toFailure } from './failures.js';

type Config = TopicKeeping['config'];

/** kafkajs' number of the resource type "topic"; using its enumeration would load the package. */
const TOPIC_RESOURCE = 2;

/** Reads some configs of existing topics. A topic whose configs may not be read has the failure instead. */
export async function configsOf(
  api: KafkaJs.Admin,
  topics: readonly string[],
  names: readonly string[],
): Promise<ReadonlyMap<string, Config>> {
  if (topics.length === 0) return new Map();
  const together = await read(api, topics, names);
  if (together instanceof Map || topics.length === 1) return asMap(topics, together);
  // kafkajs fails the whole request if the configs of one topic may not be read.
  const each = await Promise.all(topics.map(async (topic) => asMap([topic], await read(api, [topic], names))));
  return new Map(each.flatMap((found) => [...found]));
}

const asMap = (topics: readonly string[], found: Map<string, Config> | ClientFailure): ReadonlyMap<string, Config> =>
  found instanceof Map ? found : new Map(topics.map((topic) => [topic, found]));

async function read(
  api: KafkaJs.Admin,
  topics: readonly string[],
  names: readonly string[],
): Promise<Map<string, Config> | ClientFailure> {
  const resources = topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [...names] }));
  try {
    const answer = await api.describeConfigs({ resources, includeSynonyms: false });
    return new Map(
      answer.resources.map(({ resourceName, configEntries }) => [
        resourceName,
        Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    );
  } catch (error) {
    return toFailure(error);
  }
}

/** The fewest replicas that a partition of the topic has. */
export const replicasOf = (partitions: readonly KafkaJs.PartitionMetadata[]): number =>
  Math.min(...partitions.map(({ replicas }) => replicas.length));

/** How many brokers the cluster lists; undefined where it does not answer. */
export const serversOf = (admin: Pick<KafkaJs.Admin, 'describeCluster'>): Promise<number | undefined> =>
  admin.describeCluster().then(
    ({ brokers }) => brokers.length,
    () => undefined,
  );
