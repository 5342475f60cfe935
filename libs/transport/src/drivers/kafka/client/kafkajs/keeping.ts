import type * as KafkaJs from 'kafkajs';
import type { ClientFailure, TopicKeeping } from '../seam.js';
import { toFailure } from './failures.js';

type Config = TopicKeeping['config'];

/** kafkajs' number of the resource "topic"; its own enumeration would have to be loaded. */
const TOPIC_RESOURCE = 2;

/** Asks for some settings of topics that are there. A topic whose settings may not be read has the failure in their place. */
export async function configsOf(
  api: KafkaJs.Admin,
  topics: readonly string[],
  names: readonly string[],
): Promise<ReadonlyMap<string, Config>> {
  if (topics.length === 0) return new Map();
  const together = await read(api, topics, names);
  if (together instanceof Map || topics.length === 1) return asMap(topics, together);
  // n.b. kafkajs fails all of a request for one topic whose settings may not be read.
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
