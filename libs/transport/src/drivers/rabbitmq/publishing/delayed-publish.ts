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
 * Why always quorum queues, whatever `queueType` says: between classic ones the server moves messages unconfirmed, and loses
 * those that are on their way when it dies.
 */
const SAFE = {
  'x-queue-type': 'quorum',
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
} as const;

const DAY_MS = 86_400_000;

/** A message's way to its topic, over the ladder. */
export interface DelayedWay extends Descent {
  /** The queue behind the ladder, which puts messages on their topic. */
  readonly last: string;
  readonly destination: Place;
}

/** @param waitMs above 0 */
export function delayedWay(destination: Place, waitMs: number): DelayedWay {
  return { ...descentOf(Math.min(waitMs, LONGEST_WAIT_MS)), last: lastQueueOf(destination), destination };
}

/** n.b. an exchange of a topic's name would have the name in it twice. */
function lastQueueOf({ exchange, routingKey }: Place): string {
  return `${DELAYED}:${exchange === routingKey ? '' : exchange}:${routingKey}`;
}

/** @throws TransportError `TRANSPORT_OPTION_INVALID`, `TRANSPORT_TOPIC_INVALID` */
export function checkDelay({ topic }: OutgoingMessage, destination: Place, waitMs: number): void {
  if (waitMs > LONGEST_WAIT_MS) {
    // n.b. rounded up and down, so that what is refused is never told as what would be taken.
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

/** Exchanges and queues of messages for later, made when they are needed first. */
export class DelayLadder {
  readonly #link: Link;
  readonly #made = new Map<string, Promise<void>>();

  constructor(link: Link) {
    this.#link = link;
    // n.b. RabbitMQ 3.10 that is killed may forget what was declared in its last second.
    link.watch({ opened: () => this.forget() });
  }

  /** Cheap when it is known. @throws TransportError `TRANSPORT_OPTION_CONFLICT`, `TRANSPORT_AUTHORIZATION_FAILED`, ... */
  ensure(way: DelayedWay, topic: string): Promise<void> {
    const name = `${way.exchange}\n${way.last}`;
    const made = this.#made.get(name) ?? this.#make(way, topic);
    this.#made.set(name, made);
    made.catch(() => this.#made.delete(name));
    return made;
  }

  /** Looks again when it is asked for the next time. */
  forget(): void {
    this.#made.clear();
  }

  /** From below, so that whatever is there already finds the way on. */
  async #make({ rungs, last, destination }: DelayedWay, topic: string): Promise<void> {
    try {
      await onChannel(await this.#link.open(), async (channel) => {
        await channel.assertExchange(FOOT, 'direct', { durable: true });
        await makeLast(channel, last, destination);
        for (const rung of rungs) await makeRung(channel, rung);
      });
    } catch (error) {
      throw error instanceof TransportError ? error : channelError(error, 'cannot declare the queues for delayed messages', topic);
    }
  }
}

/**
 * Why a queue for each topic: where nobody is bound for a topic RabbitMQ keeps its messages at their last place, and a few of
 * them hold up everything else there.
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
