import type { Channel, ChannelModel } from 'amqplib';
import type { Subscription, TopicQuery, TransportError } from '../../../contract/index.js';
import type { DelayQueue } from './delays.js';
import { channelError, isHomeNodeDown, isMissing } from '../client/failures.js';
import { generationsOf, heldArgumentsOf, isOfAnotherGeneration } from './group-arguments.js';
import type { Link } from '../client/link.js';
import { bindingsOf, deadLetterPlaceOf, droppedQueueOf, heldQueueOf, placeOf, queueNameOf } from './names.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { SpareChannels } from '../client/spare-channels.js';

/** The queue of an instance expires when the instance is disconnected for this long. */
const INSTANCE_ARGUMENTS = { 'x-queue-type': 'classic', 'x-expires': 60_000 };
const NOTES_TTL_MS = 86_400_000;
/** Limit of names to try for the queue of an instance, one per unavailable node. */
const MOST_MOVES = 10;

/** The queue that a subscription consumes. */
export interface SubscribedQueue {
  readonly name: string;
  /** Whether the queue is deleted with this instance. */
  readonly isInstances: boolean;
  /** Whether it has the arguments of an earlier version, so that messages dropped at a delivery limit are lost. */
  readonly isOld: boolean;
}

/** Declares exchanges and queues, or only checks them with `provision: false`. */
export class Topology {
  readonly #link: Link;
  readonly #options: ResolvedRabbitmqOptions;
  /** Exchanges that are known to exist. */
  readonly #known = new Map<string, Promise<void>>();
  readonly #channels = new SpareChannels();
  /** How often the queue of an instance was replaced because its node was down, by its first name. */
  readonly #moves = new Map<string, number>();
  /** Serializes the checks, because they share a channel. */
  #renewing: Promise<unknown> = Promise.resolve();

  constructor(link: Link, options: ResolvedRabbitmqOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Declares or checks an exchange. Cheap when it is known. @throws TransportError `TRANSPORT_TOPIC_MISSING`, `TRANSPORT_OPTION_CONFLICT`, ... */
  ensureExchange(exchange: string, topic: string): Promise<void> {
    if (exchange === '') return Promise.resolve();
    const known = this.#known.get(exchange) ?? this.#makeExchange(exchange, topic);
    this.#known.set(exchange, known);
    known.catch(() => this.#known.delete(exchange));
    return known;
  }

  /** Makes the next `ensureExchange` declare again. */
  forgetExchange(exchange: string): void {
    this.#known.delete(exchange);
  }

  /** Declares the exchange of a topic, and for a dead-letter topic the queue that holds its messages. */
  async ensureTopic(topic: string, isDeadLetters: boolean): Promise<void> {
    if (isDeadLetters) return this.ensureHeld(topic);
    await this.ensureExchange(placeOf(this.#options, topic).exchange, topic);
  }

  /** Declares the queue that holds dead letters as long as no group subscribes. */
  async ensureHeld(topic: string): Promise<void> {
    const { provision } = this.#options;
    const queue = heldQueueOf(topic);
    if (provision) await this.ensureExchange(deadLetterPlaceOf(this.#options, topic).exchange, topic);
    await this.#on(`cannot use queue "${queue}" for dead letters`, topic, async (channel) => {
      if (provision) await channel.assertQueue(queue, { durable: true, arguments: heldArgumentsOf(this.#options) });
      else await channel.checkQueue(queue);
    });
  }

  /** Declares the queue for messages that the server drops from the group's queues. @returns its name */
  async ensureDropped(group: string, topic: string): Promise<string> {
    const queue = droppedQueueOf(group);
    await this.#on(`cannot use queue "${queue}" for messages that RabbitMQ drops`, topic, async (channel) => {
      await channel.assertQueue(queue, { durable: true, arguments: heldArgumentsOf(this.#options) });
    });
    return queue;
  }

  /** Declares the queue of a group or of an instance, with its bindings. */
  async ensureQueue({ topic, group, delivery }: Subscription): Promise<SubscribedQueue> {
    const name = queueNameOf(this.#options, topic, group);
    const isInstances = delivery === 'every-instance';
    const what = `cannot subscribe to "${topic}" with queue "${name}"`;
    if (isInstances) return this.#ensureInstances(name, what, topic);
    if (!this.#options.provision) {
      await this.#on(what, topic, async (channel) => void (await channel.checkQueue(name)));
      return { name, isInstances, isOld: false };
    }
    const isOld = await this.#declare(name, generationsOf(this.#options, group), what, topic);
    await this.#bind(what, name, topic);
    return { name, isInstances, isOld };
  }

  /**
   * Declares the queue of an instance, which has one copy on one node. While that node is down the server rejects its name, so another
   * name is used; the old queue expires when the node is back.
   */
  async #ensureInstances(first: string, what: string, topic: string): Promise<SubscribedQueue> {
    for (let tries = 0; ; tries++) {
      const moves = this.#moves.get(first) ?? 0;
      const name = moves === 0 ? first : `${first}.${moves}`;
      try {
        await this.#declare(name, [INSTANCE_ARGUMENTS], what, topic);
        await this.#bind(what, name, topic);
        return { name, isInstances: true, isOld: false };
      } catch (error) {
        if (tries === MOST_MOVES || !isHomeNodeDown((error as TransportError).cause)) throw error;
        this.#moves.set(first, moves + 1);
      }
    }
  }

  /** @param generations newest first. @returns whether the queue has an older one */
  async #declare(name: string, generations: readonly object[], what: string, topic: string): Promise<boolean> {
    for (const [index, args] of generations.entries()) {
      try {
        await this.#on(what, topic, async (channel) => {
          await channel.assertQueue(name, { durable: true, arguments: args });
        });
        return index > 0;
      } catch (error) {
        const isLast = index === generations.length - 1;
        if (isLast || !isOfAnotherGeneration((error as TransportError).cause)) throw error;
      }
    }
    return false;
  }

  /**
   * Declares exchanges and bindings of the queue again in case they were deleted.
   * @returns the error of a missing exchange; AMQP does not show missing bindings. @throws TransportError
   */
  renewBindings(queue: SubscribedQueue, topic: string): Promise<TransportError | undefined> {
    const renewed = this.#renewing.then(() => this.#renewBindings(queue, topic));
    this.#renewing = renewed.catch(() => undefined);
    return renewed;
  }

  async #renewBindings({ name, isInstances }: SubscribedQueue, topic: string): Promise<TransportError | undefined> {
    const what = `cannot bind queue "${name}" to "${topic}"`;
    const isOurs = this.#options.provision || isInstances;
    const exchanges = isOurs ? bindingsOf(this.#options, topic) : [placeOf(this.#options, topic)];
    let gone: TransportError | undefined;
    for (const { exchange } of exchanges) gone ??= await this.#missing(exchange, what, topic);
    if (!isOurs && gone !== undefined) throw gone;
    if (isOurs) await this.#bind(what, name, topic);
    return gone;
  }

  /** Whether the queue that holds dead letters of the topic exists. */
  async hasHeld(topic: string): Promise<boolean> {
    return this.#hasQueue(heldQueueOf(topic), topic);
  }

  /** Whether a queue of the topic exists, or will: a start that has declared the exchange also declares the queue, or fails. */
  async isKept({ topic, group }: TopicQuery): Promise<boolean> {
    if (group === undefined) return this.hasHeld(topic);
    const { exchange } = placeOf(this.#options, topic);
    if (this.#options.provision && this.#known.has(exchange)) return true;
    return this.#hasQueue(queueNameOf(this.#options, topic, group), topic);
  }

  /** Declares a delay queue, from which messages return to `queue` only. */
  async ensureDelay(queue: SubscribedQueue, delay: DelayQueue, topic: string): Promise<void> {
    const { name, ttlMs, expiresMs } = delay;
    const common = {
      'x-message-ttl': ttlMs,
      'x-expires': expiresMs,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': queue.name,
    };
    // Without at-least-once the server dead-letters expired messages without confirms.
    const safe = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };
    const quorum = this.#options.queueType === 'quorum' && !queue.isInstances;
    const args = quorum ? { ...common, ...safe, 'x-queue-type': 'quorum' } : { ...common, 'x-queue-type': 'classic' };
    await this.#on(`cannot delay messages in queue "${name}"`, topic, async (channel) => {
      await channel.assertQueue(name, { durable: true, arguments: args });
    });
  }

  /** Declares the queue for attempt notes, which expires when it is unused for a while. */
  async ensureNotes(queue: string, topic: string): Promise<void> {
    const args = { 'x-queue-type': 'classic', 'x-message-ttl': NOTES_TTL_MS, 'x-expires': 2 * NOTES_TTL_MS };
    await this.#on(`cannot use queue "${queue}" for attempt notes`, topic, async (channel) => {
      await channel.assertQueue(queue, { durable: true, arguments: args });
    });
  }

  /** Deletes queues. Ignores failures, because the queues expire anyway. */
  async deleteQueues(names: readonly string[]): Promise<void> {
    const { model } = this.#link;
    if (model === undefined) return;
    for (const name of names) await onChannel(model, (channel) => channel.deleteQueue(name)).catch(() => undefined);
  }

  async #makeExchange(exchange: string, topic: string): Promise<void> {
    const { provision, exchangeType } = this.#options;
    await this.#on(`cannot use exchange "${exchange}"`, topic, async (channel) => {
      if (provision) await channel.assertExchange(exchange, exchangeType, { durable: true });
      else await channel.checkExchange(exchange);
    });
  }

  async #bind(what: string, queue: string, topic: string): Promise<void> {
    for (const { exchange, pattern } of bindingsOf(this.#options, topic)) {
      const bind = async (): Promise<void> => {
        await this.ensureExchange(exchange, topic);
        await this.#on(what, topic, async (channel) => void (await channel.bindQueue(queue, exchange, pattern)));
      };
      try {
        await bind();
      } catch (error) {
        if (!isMissing((error as TransportError).cause)) throw error;
        // The exchange was deleted since.
        this.forgetExchange(exchange);
        await bind();
      }
    }
  }

  /** Returns the error of a missing exchange; undefined when it exists. */
  async #missing(exchange: string, what: string, topic: string): Promise<TransportError | undefined> {
    try {
      await this.#on(what, topic, async (channel) => void (await channel.checkExchange(exchange)));
      return undefined;
    } catch (error) {
      if (!isMissing((error as TransportError).cause)) throw error;
      return error as TransportError;
    }
  }

  async #hasQueue(queue: string, topic: string): Promise<boolean> {
    const model = await this.#link.open();
    try {
      await this.#channels.use(model, (channel) => channel.checkQueue(queue));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw channelError(error, `cannot look up queue "${queue}"`, topic);
    }
  }

  async #on(what: string, topic: string, work: (channel: Channel) => Promise<void>): Promise<void> {
    const model = await this.#link.open();
    try {
      await this.#channels.use(model, work);
    } catch (error) {
      throw channelError(error, what, topic);
    }
  }
}

/** Runs `work` on a channel of its own, so that an error of the server closes no other channel. @throws what amqplib throws */
export async function onChannel<Result>(
  model: ChannelModel,
  work: (channel: Channel) => Promise<Result>,
): Promise<Result> {
  const channel = await model.createChannel();
  let refusal: unknown;
  channel.on('error', (error) => (refusal = error));
  try {
    const result = await work(channel);
    await channel.close();
    return result;
  } catch (error) {
    if (refusal === undefined) await channel.close().catch(() => undefined);
    throw refusal ?? error;
  }
}
