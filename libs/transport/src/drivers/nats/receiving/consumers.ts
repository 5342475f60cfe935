import { isDeepStrictEqual } from 'node:util';
import type { ConsumerConfig, ConsumerInfo, ConsumerUpdateConfig } from '@nats-io/jetstream';
import {
  isStartOffset,
  isTopicPattern,
  messageOf,
  nearestKept,
  offsetIn,
  type StartFrom,
  type Subscription,
  type TransportError,
} from '../../../contract/index.js';
import { attemptsIn, noteOf, NOTE_NAME } from './attempts-note.js';
import { errorOf, jetStreamCode, JETSTREAM_ERROR } from '../client/failures.js';
import type { Link } from '../client/link.js';
import { consumerNameOf, covers } from '../topology/names.js';
import type { ResolvedNatsOptions } from '../options.js';
import { msOf, nanos, type StreamFacts, type Streams } from '../topology/streams.js';
import { isWaitingSubject } from '../topology/waiting-subjects.js';

/** An instance's own consumer is deleted by the server when nobody has asked it for messages for so long. */
const EPHEMERAL_MS = 60_000;
/** The one group of a consumer that lets one member at a time work. */
export const PIN_GROUP = 'active';
/** A member that does not ask any more is replaced when its unsettled messages have come free, and not before. */
export const PIN_MARGIN_MS = 1_000;

/** A stream that was deleted took its consumers along. */
const GONE: readonly number[] = [JETSTREAM_ERROR.consumerNotFound, JETSTREAM_ERROR.streamNotFound];

/** All members of a group work; the words of the server. */
const NOT_PINNED = { priority_groups: undefined, priority_policy: undefined, priority_timeout: undefined };

/** A consumer as it is on the server. */
export interface ConsumerPlace {
  readonly stream: string;
  readonly name: string;
  /** Of the stream: another one of the same name counts its messages anew. */
  readonly streamCreated: string;
  readonly ackWaitMs: number;
  /** Messages of all members that may be unsettled; Infinity: no limit. */
  readonly maxUnsettled: number;
  readonly maxBatch: number | undefined;
  /** How long a request for messages may wait; undefined: no limit. */
  readonly maxExpiresMs: number | undefined;
  /** The group to name in requests for messages, where the consumer lets one member at a time work. */
  readonly pinGroup: string | undefined;
  /** The server delivers a message so often and then leaves it; undefined: without end. */
  readonly maxDeliveries: number | undefined;
  /** It was not there and has been made. */
  readonly isNew: boolean;
  /** Why it does not begin at the offset that was asked for. */
  readonly startWarning?: string | undefined;
  /** Everything up to here is settled, by all members. */
  readonly settledUpTo: number;
  /** The last message that was delivered, to whomever, and how many deliveries there were. */
  readonly delivered: { readonly upTo: number; readonly count: number };
  /** What the server knows the one active member by; undefined: there is none. */
  readonly activePin: string | undefined;
  /** The next attempt of messages that were tried more often than the server has delivered them. */
  readonly attempts: ReadonlyMap<number, number>;
}

export interface ConsumerStanding {
  /** Everything up to this message of the stream is settled. */
  readonly settledUpTo: number;
  /** Messages that were delivered, to whomever, and are not settled; given back ones are among them. */
  readonly unsettled: number;
  /** Messages that were delivered to nobody yet. */
  readonly pending: number;
  /** Requests for messages that wait at the consumer, of all members. */
  readonly requests: number;
  /** An operator has paused it: it delivers nothing until then. */
  readonly pausedUntil: string | undefined;
  /** Its settings may have been changed by now. */
  readonly place: ConsumerPlace;
}

/** What the server adds for consumers with a pinned client; the client's types do not know it. */
interface PinnedInfo extends ConsumerInfo {
  readonly priority_groups?: readonly { readonly pinned_client_id?: string }[];
}

/** Finds the consumers of subscriptions, and makes them where the driver is to. */
export class Consumers {
  readonly #link: Link;
  readonly #streams: Streams;
  readonly #options: ResolvedNatsOptions;

  constructor(link: Link, streams: Streams, options: ResolvedNatsOptions) {
    this.#link = link;
    this.#streams = streams;
    this.#options = options;
  }

  /**
   * The consumer of a subscription on one stream. A member sets it to its options when it starts, and follows it later on: two
   * versions of a service, or an operator, may want it otherwise.
   * @param before where it was when it was last seen: one that is gone begins again behind what all members had settled then
   * @throws TransportError `TRANSPORT_OPTION_CONFLICT` when it exists and cannot keep the promises; `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_AUTHORIZATION_FAILED`
   */
  async place(subscription: Subscription, stream: string, before?: ConsumerPlace): Promise<ConsumerPlace> {
    const name = this.#nameOf(subscription);
    const facts = await this.#streams.facts(stream);
    const found = await this.#find(stream, name);
    if (found === undefined) {
      const start = startOf(subscription.startFrom, facts, before);
      const made = await this.#create(subscription, facts, name, start, before !== undefined);
      return { ...placeOf(made, facts, true), startWarning: start.warning };
    }
    const conflict = this.#conflictOf(subscription.topic, found.config, facts);
    if (conflict === undefined) {
      const changes = this.#changesOf(subscription, found.config, before === undefined);
      return placeOf(await this.#change(subscription, found, changes), facts, false);
    }
    throw errorOf(
      'TRANSPORT_OPTION_CONFLICT',
      `the consumer "${name}" of stream "${stream}" cannot serve group "${subscription.group}" on "${subscription.topic}": ${conflict}. Delete it (nats consumer rm ${stream} ${name}), or name another: nats({ consumerName }).`,
      { topic: subscription.topic },
    );
  }

  /** How far all members together are; undefined when the consumer is gone. */
  async standing({ stream, name, streamCreated }: ConsumerPlace): Promise<ConsumerStanding | undefined> {
    const found = await this.#find(stream, name);
    if (found === undefined) return undefined;
    const place = placeOf(found, { created: streamCreated }, false);
    return {
      settledUpTo: place.settledUpTo,
      unsettled: found.num_ack_pending,
      pending: found.num_pending,
      requests: found.num_waiting,
      pausedUntil: found.paused === true ? found.config.pause_until : undefined,
      place,
    };
  }

  /** Writes down attempts that the server does not know of, for whoever is given these messages next. */
  async note({ stream, name }: ConsumerPlace, attempts: ReadonlyMap<number, number>): Promise<void> {
    const found = await this.#find(stream, name);
    if (found === undefined) return;
    const metadata = { ...found.config.metadata, [NOTE_NAME]: noteOf(attempts, found.ack_floor.stream_seq) };
    await this.#link.ask(`cannot note attempts at consumer "${name}"`, (manager) =>
      manager.consumers.update(stream, name, { metadata }),
    );
  }

  async remove({ stream, name }: ConsumerPlace): Promise<void> {
    await this.#link.ask(`cannot delete consumer "${name}"`, (manager) => manager.consumers.delete(stream, name));
  }

  /** Lets another member work at once, if this one is the active one. @param pin what the server knows it by */
  async unpin({ stream, name, pinGroup = PIN_GROUP }: ConsumerPlace, pin: string): Promise<void> {
    const found: PinnedInfo | undefined = await this.#find(stream, name);
    if (!found?.priority_groups?.some(({ pinned_client_id: active }) => active === pin)) return;
    await this.#link.ask(`cannot unpin consumer "${name}"`, (manager) =>
      manager.consumers.unpin(stream, name, pinGroup),
    );
  }

  #nameOf({ group, topic }: Subscription): string {
    return consumerNameOf(this.#options, { group, topic });
  }

  async #find(stream: string, name: string): Promise<ConsumerInfo | undefined> {
    try {
      return await this.#link.ask(`cannot ask for consumer "${name}"`, (manager) =>
        manager.consumers.info(stream, name),
      );
    } catch (error) {
      const code = jetStreamCode((error as TransportError).cause) ?? 0;
      if (GONE.includes(code)) return undefined;
      throw error;
    }
  }

  async #create(
    subscription: Subscription,
    facts: StreamFacts,
    name: string,
    { policy }: Start,
    wasThere: boolean,
  ): Promise<ConsumerInfo> {
    const { topic, group, delivery } = subscription;
    if (this.#options.consumers === 'bind' && delivery === 'group') {
      throw errorOf(
        'TRANSPORT_TOPIC_MISSING',
        `stream "${facts.name}" has no consumer "${name}" for group "${group}" on "${topic}". Create it (nats consumer add ${facts.name} ${name} --pull --ack explicit --filter "${topic}"), or let the driver do it: nats({ consumers: 'create' }).`,
        { topic, retryable: wasThere },
      );
    }
    const config = this.#config(subscription, name, policy);
    return this.#link.ask(
      `cannot create the consumer of group "${group}" on "${topic}"`,
      (manager) => manager.consumers.add(facts.name, config),
      topic,
    );
  }

  #config({ topic, delivery }: Subscription, name: string, start: Start['policy']): Partial<ConsumerConfig> {
    const config = {
      name,
      ack_policy: 'explicit',
      max_deliver: -1,
      ...start,
      // n.b. the whole pattern, and not the part of it that the stream holds now: subjects that it gets later are read at once.
      filter_subject: topic,
      ...this.#adjustable(),
      ...(delivery === 'group' ? { durable_name: name } : { inactive_threshold: nanos(EPHEMERAL_MS), num_replicas: 1 }),
    };
    // n.b. the words of the client's enumerations; their package is loaded on first use only.
    return config as Partial<ConsumerConfig>;
  }

  #adjustable(): Partial<ConsumerUpdateConfig> {
    const { ackWaitMs, maxUnsettled, singleActiveConsumer } = this.#options;
    return {
      ack_wait: nanos(ackWaitMs),
      max_ack_pending: maxUnsettled,
      ...(singleActiveConsumer
        ? {
            priority_groups: [PIN_GROUP],
            priority_policy: 'pinned_client' as NonNullable<ConsumerConfig['priority_policy']>,
            priority_timeout: nanos(ackWaitMs + PIN_MARGIN_MS),
          }
        : {}),
    };
  }

  /** Why a consumer that exists cannot be used; undefined when it can, or can be changed so that it can. */
  #conflictOf(topic: string, config: ConsumerConfig, { subjects }: StreamFacts): string | undefined {
    if (config.deliver_subject) return 'it pushes messages (deliver_subject), and the driver pulls them';
    if (config.ack_policy !== 'explicit') return `its ack_policy is "${config.ack_policy}", it has to be "explicit"`;
    if (config.headers_only === true) return 'it delivers messages without their bodies (headers_only)';
    const own = filtersOf(config, subjects);
    const inside = filterOf(topic, subjects);
    const isNarrower = inside.some((subject) => !own.some((filter) => covers(filter, subject)));
    const isOurs = this.#options.consumers === 'create' && isTopicPattern(topic);
    if (own.some((filter) => !covers(topic, filter)) || (isNarrower && !isOurs))
      return `it takes ${own.join(', ')} and not ${inside.join(', ')}`;
    if (this.#options.consumers === 'create' || !this.#options.singleActiveConsumer) return undefined;
    return config.priority_groups === undefined
      ? 'it lets all members work at once, and singleActiveConsumer is wanted (priority_policy "pinned_client")'
      : undefined;
  }

  /** What is to be changed; none of a consumer that is only bound to. @param isStart whether this member has just started */
  #changesOf({ topic }: Subscription, config: ConsumerConfig, isStart: boolean): Partial<ConsumerUpdateConfig> {
    if (this.#options.consumers === 'bind') return {};
    const own = filtersOf(config, []);
    const wanted = isStart ? { ...NOT_PINNED, ...this.#adjustable() } : {};
    const current = { ...NOT_PINNED, ...config } as Record<string, unknown>;
    const isSame = Object.entries(wanted).every(([key, value]) => isDeepStrictEqual(current[key], value));
    const changes: object = {
      ...(isSame ? {} : wanted),
      ...(own.join(' ') === topic ? {} : { filter_subject: undefined, filter_subjects: [topic] }),
    };
    return changes;
  }

  async #change(
    { group, topic }: Subscription,
    found: ConsumerInfo,
    changes: Partial<ConsumerUpdateConfig>,
  ): Promise<ConsumerInfo> {
    const { stream_name: stream, name } = found;
    if (Object.keys(changes).length === 0) return found;
    try {
      return await this.#link.ask(`cannot change consumer "${name}"`, (manager) =>
        manager.consumers.update(stream, name, changes),
      );
    } catch (error) {
      if ((error as TransportError).code !== 'TRANSPORT_OPTION_CONFLICT') throw error;
      throw errorOf(
        'TRANSPORT_OPTION_CONFLICT',
        `the consumer "${name}" of stream "${stream}" for group "${group}" on "${topic}" exists with other settings, and the server does not let them be changed: ${messageOf(error)} Delete it (nats consumer rm ${stream} ${name}), or name another: nats({ consumerName }).`,
        { topic, cause: error },
      );
    }
  }
}

/** Where a consumer begins, in the server's words. */
interface Start {
  readonly policy: object;
  /** Why it is not where it was asked to. */
  readonly warning?: string | undefined;
}

function startOf(startFrom: StartFrom, facts: StreamFacts, before: ConsumerPlace | undefined): Start {
  if (before === undefined) return firstStartOf(startFrom, facts);
  // n.b. another stream counts from 1 again: everything in it is new to the group.
  if (before.streamCreated !== facts.created) return { policy: { deliver_policy: 'all' } };
  return atSequence(before.settledUpTo + 1);
}

function firstStartOf(startFrom: StartFrom, { name, kept }: StreamFacts): Start {
  if (startFrom instanceof Date) {
    return { policy: { deliver_policy: 'by_start_time', opt_start_time: startFrom.toISOString() } };
  }
  if (!isStartOffset(startFrom)) return { policy: { deliver_policy: startFrom === 'new' ? 'new' : 'all' } };
  const { offset, warning } = nearestKept(offsetIn(startFrom, undefined) ?? kept.first, kept, `stream "${name}"`);
  return { ...atSequence(offset), warning };
}

const atSequence = (sequence: number): Start => ({
  policy: { deliver_policy: 'by_start_sequence', opt_start_seq: sequence },
});

/** The part of a stream's subjects that a subscription asks for; none where messages for later wait. */
export function filterOf(topic: string, subjects: readonly string[]): string[] {
  const inside = subjects.filter((subject) => covers(topic, subject) && !isWaitingSubject(subject));
  const covering = subjects.some((subject) => covers(subject, topic));
  return covering || inside.length === 0 ? [topic] : inside;
}

/** What a consumer takes: the stream's subjects where it says nothing. */
function filtersOf(config: ConsumerConfig, subjects: readonly string[]): readonly string[] {
  if (config.filter_subjects !== undefined && config.filter_subjects.length > 0) return config.filter_subjects;
  return config.filter_subject ? [config.filter_subject] : subjects.filter((subject) => !isWaitingSubject(subject));
}

function placeOf(
  { stream_name: stream, name, config, ack_floor: floor, delivered, priority_groups: groups }: PinnedInfo,
  facts: Pick<StreamFacts, 'created'>,
  isNew: boolean,
): ConsumerPlace {
  const {
    ack_wait: ackWait = nanos(30_000),
    max_ack_pending: maxAckPending = -1,
    max_deliver: maxDeliver = -1,
  } = config;
  return {
    stream,
    name,
    streamCreated: facts.created,
    ackWaitMs: ackWait / nanos(1),
    maxUnsettled: maxAckPending > 0 ? maxAckPending : Number.POSITIVE_INFINITY,
    maxBatch: config.max_batch && config.max_batch > 0 ? config.max_batch : undefined,
    maxExpiresMs: config.max_expires && config.max_expires > 0 ? msOf(config.max_expires) : undefined,
    pinGroup: config.priority_groups?.[0],
    maxDeliveries: maxDeliver > 0 ? maxDeliver : undefined,
    isNew,
    settledUpTo: floor.stream_seq,
    delivered: { upTo: delivered.stream_seq, count: delivered.consumer_seq },
    activePin: groups?.[0]?.pinned_client_id || undefined,
    attempts: attemptsIn(config.metadata?.[NOTE_NAME]),
  };
}
