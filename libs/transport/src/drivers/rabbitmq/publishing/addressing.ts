import type { OutgoingMessage } from '../../../contract/index.js';
import type { Parcel } from './confirmed-channel.js';
import { checkDelay, delayedWay, DelayLadder, type DelayedWay } from './delayed-publish.js';
import type { Link } from '../client/link.js';
import { recordOf } from '../mapping.js';
import { deadLetterPlaceOf, placeOf, type Place } from '../topology/names.js';
import type { ResolvedRabbitmqOptions } from '../options.js';
import { Topology } from '../topology/topology.js';

/** A message as it is sent, and its route if it is delayed. */
export interface Addressed {
  readonly parcel: Parcel;
  readonly way: DelayedWay | undefined;
}

/** Resolves where messages are published to, and declares it. */
export class Addressing {
  readonly topology: Topology;
  readonly #options: ResolvedRabbitmqOptions;
  readonly #ladder: DelayLadder;
  /** Topics whose messages are kept even without a subscriber. */
  readonly #held = new Set<string>();

  constructor(link: Link, options: ResolvedRabbitmqOptions) {
    this.#options = options;
    this.topology = new Topology(link, options);
    this.#ladder = new DelayLadder(link);
  }

  /** Keeps messages of these topics from now on, even without a subscriber. */
  hold(topics: readonly string[]): void {
    for (const topic of topics) this.#held.add(topic);
  }

  isHeld(topic: string): boolean {
    return this.#held.has(topic);
  }

  /** @throws TransportError when the delay or the queue name is too long */
  checkDelay(message: OutgoingMessage, now: number): void {
    const waitMs = waitOf(message, now);
    if (waitMs > 0) checkDelay(message, this.#placeOf(message.topic), waitMs);
  }

  addressed(message: OutgoingMessage, now: number): Addressed {
    const place = this.#placeOf(message.topic);
    const record = recordOf(message, now);
    const waitMs = waitOf(message, now);
    if (waitMs > 0) return delayed(record, delayedWay(place, waitMs));
    const mandatory = this.isHeld(message.topic) || this.#options.unroutable === 'fail';
    const { exchange, routingKey } = place;
    const { content, properties } = record;
    return { parcel: { exchange, routingKey, content, properties, mandatory }, way: undefined };
  }

  /** Declares exchange and queues of a message. Cheap when they are known. @throws TransportError */
  async ensure({ parcel, way }: Addressed, topic: string): Promise<void> {
    await this.topology.ensureExchange(way?.destination.exchange ?? parcel.exchange, topic);
    if (way !== undefined) await this.#ladder.ensure(way, topic);
  }

  /** Makes the next `ensure` declare again. */
  forget({ parcel, way }: Addressed): void {
    this.topology.forgetExchange(way?.destination.exchange ?? parcel.exchange);
    if (way !== undefined) this.#ladder.forget();
  }

  #placeOf(topic: string): Place {
    const isHeld = this.isHeld(topic) && this.#options.provision;
    return isHeld ? deadLetterPlaceOf(this.#options, topic) : placeOf(this.#options, topic);
  }
}

/** Identifies the destination of a message, so that one failed declaration counts for all messages there. */
export const placeNameOf = ({ parcel, way }: Addressed): string =>
  way === undefined ? parcel.exchange : `${parcel.exchange}\n${way.last}`;

const waitOf = ({ deliverAtMs }: OutgoingMessage, now: number): number =>
  deliverAtMs === undefined ? 0 : deliverAtMs - now;

/** Always mandatory, regardless of `unroutable`: a missing queue of the delay ladder does not mean a missing subscriber. */
function delayed({ content, properties }: ReturnType<typeof recordOf>, way: DelayedWay): Addressed {
  const headers = { ...properties.headers, ...way.headers };
  const { exchange, last: routingKey } = way;
  return { parcel: { exchange, routingKey, content, properties: { ...properties, headers }, mandatory: true }, way };
}
