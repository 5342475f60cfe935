import type { ChannelModel } from 'amqplib';
import { TransportError, type Clock } from '../../../contract/index.js';
import { ConfirmedChannel } from '../publishing/confirmed-channel.js';
import { channelError, errorOf } from './failures.js';
import type { Link } from './link.js';

const MOST_IN_USE = 256;
const MOST_IDLE = 32;
const LONGEST_WAIT_MS = 10_000;
/** How long a channel stays in use after a rejected publish. A full queue therefore costs one new channel per this time. */
export const REFUSED_MS = 1_000;
/** AMQP counts channels in two bytes; a server without a limit reports 0. */
const NO_LIMIT = 0xffff;

/**
 * A pool of confirm channels, each lent to one user at a time. RabbitMQ closes a whole channel for one bad message, and throttles a
 * channel whose queue does not confirm. A channel of its own protects a publish from the faults of others.
 */
export class ChannelPool {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #idle: ConfirmedChannel[] = [];
  #inUse = 0;
  /** When the first publish on a channel was rejected. */
  readonly #refusedAtMs = new WeakMap<ConfirmedChannel, number>();

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** Lends a channel for exclusive use until `release`. @throws TransportError when none is free in time */
  async take(): Promise<ConfirmedChannel> {
    if (this.#inUse >= this.#most) await this.#turn();
    else this.#inUse++;
    try {
      return this.#takeIdle() ?? (await ConfirmedChannel.open(await this.#link.open()));
    } catch (error) {
      this.#leave();
      throw error instanceof TransportError ? error : channelError(error, 'cannot open a channel to publish on');
    }
  }

  /** Lends up to `count` more channels, but at most half of the free ones. Never rejects. */
  async takeFree(count: number): Promise<ConfirmedChannel[]> {
    const free = Math.min(count, Math.floor((this.#most - this.#inUse) / 2));
    const taken = await Promise.allSettled(Array.from({ length: Math.max(0, free) }, () => this.take()));
    return taken.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /** Returns a channel. Every publish on it must have its outcome, because the next user takes a channel failure for its own. */
  release(channel: ConfirmedChannel): void {
    this.#idle = this.#idle.filter(({ isOpen }) => isOpen);
    if (channel.hasRefused && !this.#refusedAtMs.has(channel))
      this.#refusedAtMs.set(channel, this.#clock.monotonicMs());
    if (this.#idle.length >= MOST_IDLE) void channel.close();
    else if (channel.isOpen) this.#idle.push(channel);
    this.#leave();
  }

  get #most(): number {
    const { model } = this.#link;
    return model === undefined ? MOST_IN_USE : Math.min(MOST_IN_USE, Math.max(1, Math.floor(channelMaxOf(model) / 2)));
  }

  #takeIdle(): ConfirmedChannel | undefined {
    for (let channel = this.#idle.pop(); channel !== undefined; channel = this.#idle.pop()) {
      const refusedAtMs = channel.hasRefused ? (this.#refusedAtMs.get(channel) ?? 0) : Infinity;
      if (this.#clock.monotonicMs() - refusedAtMs > REFUSED_MS) void channel.close();
      else if (channel.isOpen) return channel;
    }
    return undefined;
  }

  /** Resolves when another user has released its place. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const callOff = this.#clock.schedule(LONGEST_WAIT_MS, () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(allInUse(this.#inUse));
      });
      const take = (): void => {
        callOff();
        resolve();
      };
      this.#waiting.push(take);
    });
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inUse--;
    else next();
  }
}

const allInUse = (count: number): TransportError =>
  errorOf(
    'TRANSPORT_PUBLISH_FAILED',
    `all ${count} channels are in use by publishes to other topics that RabbitMQ has not confirmed. Check that the queues of those topics have a majority of their nodes.`,
    { retryable: true },
  );

function channelMaxOf({ connection }: ChannelModel): number {
  const { channelMax } = connection as unknown as { readonly channelMax?: number };
  return channelMax === undefined || channelMax === 0 ? NO_LIMIT : channelMax;
}
