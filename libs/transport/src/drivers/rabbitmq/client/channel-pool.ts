import type { ChannelModel } from 'amqplib';
import { TransportError, type Clock } from '../../../contract/index.js';
import { ConfirmedChannel } from '../publishing/confirmed-channel.js';
import { channelError, errorOf } from './failures.js';
import type { Link } from './link.js';

const MOST_IN_USE = 256;
const MOST_IDLE = 32;
const LONGEST_WAIT_MS = 10_000;
/** A channel on which something was refused is used for no longer: a full queue costs one new channel in this time. */
export const REFUSED_MS = 1_000;
/** AMQP counts channels in two bytes; a server without a limit reports 0. */
const NO_LIMIT = 0xffff;

/**
 * Confirm channels, each lent to one user at a time. RabbitMQ closes a whole channel for one message, and holds a channel
 * back whose queue does not confirm: with a channel to itself a publish suffers from neither fault of another one.
 */
export class ChannelPool {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #idle: ConfirmedChannel[] = [];
  #inUse = 0;
  /** Since when the channel has refused something. */
  readonly #refusedAtMs = new WeakMap<ConfirmedChannel, number>();

  constructor(link: Link, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  /** A channel that nobody else uses until `release`. @throws TransportError when there is none within the wait */
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

  /** Up to so many more, as far as nobody would have to wait for them. Never rejects. */
  async takeFree(count: number): Promise<ConfirmedChannel[]> {
    const free = Math.min(count, Math.floor((this.#most - this.#inUse) / 2));
    const taken = await Promise.allSettled(Array.from({ length: Math.max(0, free) }, () => this.take()));
    return taken.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /** n.b. only when every publish on it has its fate: the next user takes a failure of the channel for its own. */
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

  /** Resolves when a user left its place to this one. */
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
