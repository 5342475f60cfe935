import type { Channel } from 'amqplib';
import { TransportError, type OutgoingMessage } from '../../../contract/index.js';
import { channelError, errorOf } from '../client/failures.js';
import {
  DELAYED,
  descentOf,
  FOOT,
  LONGEST_WAIT_MS,
  bindingArguments,
  type Descent,
  type Rung,
} from '../topology/ladder.js';
import type { Link } from '../client/link.js';
import { MAX_NAME_BYTES, type Place } from '../topology/names.js';
import { onChannel } from '../topology/topology.js';

/**
 * Always quorum queues, regardless of `queueType`: the server moves messages between classic queues without confirms, and loses
 * messages in transit when it crashes.
 */
const SAFE = {
  'x-queue-type': 'quorum',
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
} as const;

const DAY_MS = 86_400_000;

/** The route of a delayed message to its topic. */
export interface DelayedWay extends Descent {
  /** The last queue of the route, which dead-letters messages to their topic. */
  readonly last: string;
  readonly destination: Place;
}

/** @param waitMs above 0 */
export function delayedWay(destination: Place, waitMs: number): DelayedWay {
  return { ...descentOf(Math.min(waitMs, LONGEST_WAIT_MS)), last: lastQueueOf(destination), destination };
}

/** Leaves out the exchange if it has the name of the topic. */
function lastQueueOf({ exchange, routingKey }: Place): string {
  return `${DELAYED}:${exchange === routingKey ? '' : exchange}:${routingKey}`;
}

/** @throws TransportError `TRANSPORT_OPTION_INVALID`, `TRANSPORT_TOPIC_INVALID` */
export function checkDelay({ topic }: OutgoingMessage, destination: Place, waitMs: number): void {
  if (waitMs > LONGEST_WAIT_MS) {
    // Rounded up and down, so that the message never names an accepted delay as rejected.
    const [days, most] = [Math.ceil(waitMs / DAY_MS), Math.floor(LONGEST_WAIT_MS / DAY_MS)];
    const text = `cannot delay a message for "${topic}" by ${days} days: the driver supports at most ${most} days. Publish it closer to its time.`;
    throw errorOf('TRANSPORT_OPTION_INVALID', text, { topic, stored: 'no' });
  }
  const queue = lastQueueOf(destination);
  const bytes = Buffer.byteLength(queue);
  if (bytes <= MAX_NAME_BYTES) return;
  const text = `cannot delay a message for "${topic}": the queue name "${queue}" has ${bytes} bytes, and RabbitMQ allows at most ${MAX_NAME_BYTES}. Shorten the topic name.`;
  throw errorOf('TRANSPORT_TOPIC_INVALID', text, { topic, stored: 'no' });
}

/** Declares the exchanges and queues of delayed messages on first use. */
export class DelayLadder {
  readonly #link: Link;
  readonly #made = new Map<string, Promise<void>>();

  constructor(link: Link) {
    this.#link = link;
    // RabbitMQ 3.10 may lose what was declared in the last second before a crash.
    link.watch({ opened: () => this.forget() });
  }

  /** Declares a route. Cheap when it is known. @throws TransportError `TRANSPORT_OPTION_CONFLICT`, `TRANSPORT_AUTHORIZATION_FAILED`, ... */
  ensure(way: DelayedWay, topic: string): Promise<void> {
    const name = `${way.exchange}\n${way.last}`;
    const made = this.#made.get(name) ?? this.#make(way, topic);
    this.#made.set(name, made);
    made.catch(() => this.#made.delete(name));
    return made;
  }

  /** Makes the next `ensure` declare again. */
  forget(): void {
    this.#made.clear();
  }

  /** Declares from the last queue upwards, so that messages in existing queues always find the next one. */
  async #make({ rungs, last, destination }: DelayedWay, topic: string): Promise<void> {
    try {
      await onChannel(await this.#link.open(), async (channel) => {
        await channel.assertExchange(FOOT, 'direct', { durable: true });
        await makeLast(channel, last, destination);
        for (const rung of rungs) await makeRung(channel, rung);
      });
    } catch (error) {
      throw error instanceof TransportError
        ? error
        : channelError(error, 'cannot declare the queues for delayed messages', topic);
    }
  }
}

/**
 * Declares one last queue per topic. If no queue is bound for a topic, RabbitMQ keeps its messages in the last queue, where a few of
 * them would block those of other topics.
 */
async function makeLast(channel: Channel, name: string, { exchange, routingKey }: Place): Promise<void> {
  const way = { 'x-message-ttl': 0, 'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': routingKey };
  await channel.assertQueue(name, { durable: true, arguments: { ...SAFE, ...way } });
  await channel.bindQueue(name, FOOT, name);
}

async function makeRung(channel: Channel, rung: Rung): Promise<void> {
  const { name, below, restMs } = rung;
  await channel.assertExchange(name, 'headers', { durable: true });
  const way = { 'x-message-ttl': restMs, 'x-dead-letter-exchange': below };
  await channel.assertQueue(name, { durable: true, arguments: { ...SAFE, ...way } });
  await channel.bindQueue(name, name, '', bindingArguments(rung, 'yes'));
  await channel.bindExchange(below, name, '', bindingArguments(rung, 'no'));
}
