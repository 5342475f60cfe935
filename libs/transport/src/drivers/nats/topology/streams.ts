import type { StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { isTopicPattern, type KeptOffsets, type TransportError } from '../../../contract/index.js';
import { ensureEach } from '../../../shared/index.js';
import { errorOf, jetStreamCode, JETSTREAM_ERROR } from '../client/failures.js';
import type { Link } from '../client/link.js';
import { legalName, subscribedTopicProblem, topicProblem } from './names.js';
import type { NatsProvisionOptions, ResolvedNatsOptions } from '../options.js';

/** With three copies a stream outlives the loss of a server, and loses nothing that was confirmed. */
const CLUSTER_REPLICAS = 3;

/** What the driver needs to know of a stream. */
export interface StreamFacts {
  readonly name: string;
  readonly subjects: readonly string[];
  /** When it was made: numbers of messages mean nothing in another one of the same name. */
  readonly created: string;
  /** Numbers of the oldest message that is kept, and of the one that comes next. */
  readonly kept: KeptOffsets;
}

/** Looks for the streams that hold topics, and makes them where the driver was asked to. */
export class Streams {
  readonly #link: Link;
  readonly #options: ResolvedNatsOptions;

  constructor(link: Link, options: ResolvedNatsOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** @throws TransportError `TRANSPORT_TOPIC_INVALID`, `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_AUTHORIZATION_FAILED` */
  async ensure(topics: readonly string[]): Promise<void> {
    await ensureEach(new Set(topics), (topic) => this.holding(topic));
  }

  /** The streams that hold a topic, or a part of a pattern; one is made where there is none. @throws TransportError `TRANSPORT_TOPIC_MISSING` */
  async holding(topic: string): Promise<string[]> {
    const found = await this.find(topic);
    if (found.length > 0) return found;
    const { provision, servers } = this.#options;
    if (provision !== false) return this.#create(topic, provision);
    throw errorOf(
      'TRANSPORT_TOPIC_MISSING',
      `no stream of ${servers.join(', ')} holds "${topic}". Create one (nats stream add ${legalName(topic)} --subjects "${topic}"), or let the driver do it: nats({ provision: {} }).`,
      { topic },
    );
  }

  /** Those that are there. */
  find(topic: string): Promise<string[]> {
    return this.#link.ask(
      `cannot look for the stream of "${topic}"`,
      async (manager) => {
        const names: string[] = [];
        for await (const name of manager.streams.names(topic)) names.push(name);
        return names;
      },
      topic,
    );
  }

  async facts(stream: string): Promise<StreamFacts> {
    const info = await this.#link.ask(`cannot ask for stream "${stream}"`, (manager) => manager.streams.info(stream));
    return factsOf(info);
  }

  /** How they keep messages; none where no stream holds the topic. Makes nothing. */
  async keepingOf(topic: string): Promise<StreamConfig[]> {
    const configs: StreamConfig[] = [];
    for (const name of await this.find(topic)) {
      const what = `cannot ask for stream "${name}"`;
      configs.push((await this.#link.ask(what, (manager) => manager.streams.info(name), topic)).config);
    }
    return configs;
  }

  /** A dead letter has to be kept although nobody subscribes. @throws TransportError `TRANSPORT_OPTION_CONFLICT` */
  async checkKept(topics: readonly string[]): Promise<void> {
    for (const topic of new Set(topics)) {
      // Without the right to read the configuration, nothing can be refused.
      const configs = await this.keepingOf(topic).catch((): StreamConfig[] => []);
      const unfit = configs.find(({ retention }) => String(retention) === 'interest');
      if (unfit === undefined) continue;
      const text = `"${topic}" cannot be a dead-letter topic: stream "${unfit.name}" has retention "interest" and drops what no consumer waits for. Use a stream with limits retention.`;
      throw errorOf('TRANSPORT_OPTION_CONFLICT', text, { topic });
    }
  }

  async #create(topic: string, provision: NatsProvisionOptions): Promise<string[]> {
    try {
      return [await this.#add(topic, provision)];
    } catch (error) {
      return this.#afterRefusal(topic, legalName(topic), error as TransportError);
    }
  }

  async #add(topic: string, provision: NatsProvisionOptions): Promise<string> {
    const replicas = provision.replicas ?? (this.#link.isClustered ? CLUSTER_REPLICAS : 1);
    const config = streamConfig(topic, { ...provision, replicas });
    try {
      await this.#link.ask(`cannot create the stream of "${topic}"`, (manager) => manager.streams.add(config), topic);
      return config.name;
    } catch (error) {
      if (provision.replicas !== undefined || replicas === 1 || !hasTooFewServers(error)) throw error;
      return this.#add(topic, { ...provision, replicas: 1 });
    }
  }

  /** Somebody else may have made it in the same moment. */
  async #afterRefusal(topic: string, name: string, error: TransportError): Promise<string[]> {
    const code = jetStreamCode(error.cause);
    if (code !== JETSTREAM_ERROR.streamNameInUse && code !== JETSTREAM_ERROR.subjectsOverlap) throw error;
    const found = await this.find(topic);
    if (found.length > 0) return found;
    throw errorOf(
      'TRANSPORT_TOPIC_MISSING',
      `no stream holds "${topic}", and none can be created: there is a stream "${name}" with other subjects. Add the subject to it (nats stream edit ${name} --subjects ...).`,
      { topic, cause: error },
    );
  }
}

function hasTooFewServers(error: unknown): boolean {
  const code = jetStreamCode((error as TransportError).cause);
  return code === JETSTREAM_ERROR.replicasNeedACluster || code === JETSTREAM_ERROR.noSuitablePeers;
}

function streamConfig(topic: string, provision: NatsProvisionOptions): Partial<StreamConfig> & { name: string } {
  const { replicas = 1, storage = 'file', maxAgeMs, maxBytes, duplicateWindowMs } = provision;
  return {
    name: legalName(topic),
    subjects: [topic],
    // n.b. the words of the enumerations StorageType and RetentionPolicy; their package is loaded on first use only.
    storage: storage as StreamConfig['storage'],
    retention: 'limits' as StreamConfig['retention'],
    num_replicas: replicas,
    ...(maxAgeMs === undefined ? {} : { max_age: nanos(maxAgeMs) }),
    ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
    ...(duplicateWindowMs === undefined ? {} : { duplicate_window: nanos(duplicateWindowMs) }),
  };
}

const factsOf = ({ config, created, state }: StreamInfo): StreamFacts => ({
  name: config.name,
  subjects: config.subjects ?? [],
  created,
  // n.b. the first number is 1, and an empty stream may say 0.
  kept: { first: Math.max(state.first_seq, 1), next: state.last_seq + 1 },
});

/** JetStream counts in billionths of a second. */
export const nanos = (ms: number): number => ms * 1_000_000;

export const msOf = (nanoseconds: number): number => nanoseconds / 1_000_000;

/** @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export function checkTopicName(topic: string): void {
  refuse(topic, topicProblem(topic));
}

/** The same, where a pattern may stand. @throws TransportError `TRANSPORT_TOPIC_INVALID` */
export function checkSubscribedTopic(topic: string): void {
  refuse(topic, isTopicPattern(topic) ? subscribedTopicProblem(topic) : topicProblem(topic));
}

function refuse(topic: string, problem: string | undefined): void {
  if (problem === undefined) return;
  throw errorOf('TRANSPORT_TOPIC_INVALID', `topic "${topic}" cannot be used: ${problem}.`, { topic, stored: 'no' });
}
