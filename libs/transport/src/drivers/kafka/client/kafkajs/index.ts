import { setTimeout as pause } from 'node:timers/promises';
import type * as KafkaJs from 'kafkajs';
import { loadPeer, unloaded } from '../../../../shared/index.js';
import type { ResolvedKafkaOptions } from '../../options.js';
import {
  ClientFailure,
  type ClientMember,
  type ClientProducer,
  type KafkaClient,
  type MemberListener,
  type MemberPlan,
  type TopicKeeping,
  type TopicSettings,
} from '../seam.js';
import { registerCodecs } from './codecs.js';
import { toFailure } from './failures.js';
import { configsOf, replicasOf, serversOf } from './keeping.js';
import { Leaders } from './leaders.js';
import { KafkaJsMember } from './member.js';
import { KafkaJsProducer } from './producer.js';
import {
  atMost,
  CLOSE_LIMIT_MS,
  newKafka,
  QUICK_RETRY,
  unlessClosed,
  type ClientOptions,
  type OwnKafka,
} from './settings.js';
import { SilentBrokers } from './silent-brokers.js';
import { seedOf } from './sockets.js';

type Partitions = readonly KafkaJs.PartitionMetadata[];

/** Pause between two checks for a new topic, which reaches all brokers within a few of them. */
const NEW_TOPIC_POLL_MS = 50;
/** How long a broker may take to list the brokers of the cluster. */
const ANSWER_LIMIT_MS = 1_500;

/** Implements the client interface (`seam.ts`) with kafkajs 2.2.4. */
export class KafkaJsClient implements KafkaClient {
  readonly #own: ResolvedKafkaOptions;
  /** The same options, with the watch for silent brokers. */
  readonly #options: ClientOptions;
  readonly #clientId: string;
  readonly #leaders = new Leaders();
  #loaded: typeof KafkaJs | undefined;
  #admin: { own: OwnKafka; api: KafkaJs.Admin } | undefined;
  #connecting: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: ResolvedKafkaOptions, clientId: string) {
    this.#own = options;
    this.#options = {
      ...options,
      silentBrokers: new SilentBrokers(options.maxWaitMs, options.brokers.map(seedOf), () => this.#brokers()),
    };
    this.#clientId = clientId;
  }

  /** One attempt at a time: with concurrent attempts all admins but the last would stay open. */
  connect(): Promise<void> {
    if (this.#isClosed) return Promise.reject(CLOSED);
    if (this.#admin !== undefined) return Promise.resolve();
    this.#connecting ??= this.#connectNow().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connectNow(): Promise<void> {
    const kafkajs = await this.#load();
    // Each attempt gets a new client, because kafkajs keeps the state of a failed connection.
    const own = newKafka(kafkajs, this.#options, this.#clientId, {
      ...QUICK_RETRY,
      retries: this.#options.brokers.length,
    });
    const api = own.kafka.admin();
    try {
      await unlessClosed(own, this.#closing.signal, api.connect());
      await unlessClosed(own, this.#closing.signal, answersQuestions(api));
    } catch (error) {
      await closeAdmin({ own, api });
      throw toFailure(error);
    }
    this.#admin = { own, api };
  }

  async openProducer(): Promise<ClientProducer> {
    if (this.#isClosed) throw CLOSED;
    return KafkaJsProducer.open(await this.#load(), this.#options, this.#clientId, this.#leaders, this.#closing.signal);
  }

  openMember(plan: MemberPlan, listener: MemberListener): ClientMember {
    if (this.#loaded === undefined) throw new Error('call connect() before openMember()');
    return new KafkaJsMember(this.#loaded, this.#options, this.#clientId, plan, listener);
  }

  async describeTopics(topics: readonly string[]): Promise<Map<string, number>> {
    const known = await this.#partitionsOf(topics);
    return new Map([...known].map(([topic, partitions]) => [topic, partitions.length]));
  }

  async keepingOf(topics: readonly string[], settings: readonly string[]): Promise<Map<string, TopicKeeping>> {
    const known = await this.#partitionsOf(topics);
    const { api } = await this.#connectedAdmin();
    const configs = await configsOf(api, [...known.keys()], settings);
    const servers = await serversOf(api);
    return new Map(
      [...known].map(([topic, partitions]) => [
        topic,
        { replicas: replicasOf(partitions), config: configs.get(topic) ?? {}, servers },
      ]),
    );
  }

  async createTopic(topic: string, { partitions, replicationFactor, config }: TopicSettings): Promise<void> {
    const configEntries = Object.entries(config ?? {}).map(([name, value]) => ({ name, value }));
    try {
      const { api } = await this.#connectedAdmin();
      const settings = {
        topic,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        configEntries,
      };
      await api.createTopics({ topics: [settings], waitForLeaders: true, timeout: this.#options.requestTimeoutMs });
    } catch (error) {
      const failure = toFailure(error);
      // The topic exists, but kafkajs fails when the broker it asks for the leader does not know the topic yet.
      if (failure.protocol !== 'UNKNOWN_TOPIC_OR_PARTITION') throw failure;
      await this.#untilKnown(topic, failure);
    }
  }

  async deleteGroup(group: string): Promise<void> {
    try {
      const { api } = await this.#connectedAdmin();
      await api.deleteGroups([group]);
    } catch (error) {
      const failure = deletionFailure(error);
      if (failure.protocol !== 'GROUP_ID_NOT_FOUND') throw failure;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(CLOSED);
    const admin = this.#admin;
    this.#admin = undefined;
    if (admin !== undefined) await closeAdmin(admin);
  }

  /**
   * Returns the brokers that the cluster lists, as `host:port`. It uses new connections with short timeouts, because the existing
   * ones may be those that get no response.
   */
  async #brokers(): Promise<ReadonlySet<string>> {
    const quick = { ...this.#own, connectionTimeoutMs: ANSWER_LIMIT_MS, requestTimeoutMs: ANSWER_LIMIT_MS };
    const retries = quick.brokers.length + 1;
    const own = newKafka(await this.#load(), quick, this.#clientId, { ...QUICK_RETRY, retries });
    const api = own.kafka.admin();
    try {
      await unlessClosed(own, this.#closing.signal, api.connect());
      const { brokers } = await api.describeCluster();
      return new Set(brokers.map(({ host, port }) => `${host}:${port}`));
    } finally {
      void closeAdmin({ own, api });
    }
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** @throws ClientFailure `failure`, when no broker knows the topic within `requestTimeoutMs` */
  async #untilKnown(topic: string, failure: ClientFailure): Promise<void> {
    const deadline = performance.now() + this.#options.requestTimeoutMs;
    while ((await this.#metadata([topic])) === undefined) {
      if (performance.now() > deadline) throw failure;
      await pause(NEW_TOPIC_POLL_MS);
    }
  }

  /** Topics that do not exist are left out. */
  async #partitionsOf(topics: readonly string[]): Promise<Map<string, Partitions>> {
    if (topics.length === 0) return new Map();
    const together = await this.#metadata(topics);
    if (together !== undefined || topics.length === 1) return together ?? new Map<string, Partitions>();
    // kafkajs fails the whole request if one topic does not exist.
    const each = await Promise.all(topics.map((topic) => this.#metadata([topic])));
    return new Map(each.flatMap((found) => [...(found ?? [])]));
  }

  /** undefined when one of them does not exist. */
  async #metadata(topics: readonly string[]): Promise<Map<string, Partitions> | undefined> {
    try {
      const { api } = await this.#connectedAdmin();
      const found = await api.fetchTopicMetadata({ topics: [...topics] });
      for (const { name, partitions } of found.topics) this.#leaders.heard(name, partitions);
      return new Map(found.topics.map(({ name, partitions }) => [name, partitions]));
    } catch (error) {
      const failure = error instanceof TypeError ? NO_ANSWER : toFailure(error);
      if (failure.protocol === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw failure;
    }
  }

  async #connectedAdmin(): Promise<{ api: KafkaJs.Admin }> {
    await this.connect();
    return this.#admin as { api: KafkaJs.Admin };
  }

  async #load(): Promise<typeof KafkaJs> {
    if (this.#loaded !== undefined) return this.#loaded;
    const kafkajs = await loadPeer(
      'kafka',
      'kafkajs',
      'The kafka driver',
      async () => {
        try {
          return await import('kafkajs');
        } catch (error) {
          return unloaded(error);
        }
      },
      {
        range: '^2.2.4',
        fits: (module) => 'KafkaJSAlterPartitionReassignmentsError' in module,
      },
    );
    await registerCodecs(kafkajs, this.#options.compression);
    return (this.#loaded = kafkajs);
  }
}

/** kafkajs wraps the error of each group. */
function deletionFailure(error: unknown): ClientFailure {
  const [first] = (error as { readonly groups?: readonly { readonly error?: unknown }[] }).groups ?? [];
  return toFailure(first?.error ?? error);
}

const CLOSED = new ClientFailure('other', 'the client is closed');

/** A broker that requires a login accepts the connection and closes it at the first request. */
async function answersQuestions(api: KafkaJs.Admin): Promise<void> {
  try {
    await api.fetchTopicMetadata({ topics: ['__consumer_offsets'] });
  } catch (error) {
    const failure = error instanceof TypeError ? NO_ANSWER : toFailure(error);
    if (failure.reason !== 'protocol') throw failure;
  }
}

/** kafkajs swallows the failures of all brokers and then reads `null` (`withBroker` in its brokerPool), which is a TypeError. */
const NO_ANSWER = new ClientFailure('unreachable', 'no broker answered');

async function closeAdmin({ own, api }: { own: OwnKafka; api: KafkaJs.Admin }): Promise<void> {
  await atMost(CLOSE_LIMIT_MS, api.disconnect());
  own.sockets.destroyAll();
}
